// Consumers' own readers of a connection Secret's files: each prints one object of the bucket.
package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	kitlog "github.com/go-kit/log"
	thanos "github.com/thanos-io/objstore/providers/s3"
	"gopkg.in/yaml.v2"
)

type reader func(ctx context.Context, arguments []string) (io.ReadCloser, error)

// viaSDK takes all from the files that AWS_CONFIG_FILE and AWS_SHARED_CREDENTIALS_FILE name.
func viaSDK(ctx context.Context, arguments []string) (io.ReadCloser, error) {
	settings, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return nil, err
	}
	// The SDK for Go reads no addressing_style: that is its user's to set.
	client := s3.NewFromConfig(settings, func(options *s3.Options) { options.UsePathStyle = true })
	found, err := client.GetObject(ctx, &s3.GetObjectInput{Bucket: &arguments[0], Key: &arguments[1]})
	if err != nil {
		return nil, err
	}
	return found.Body, nil
}

// document is what objstore's client package reads first; the package itself would bring the clients
// of every other cloud along.
type document struct {
	Type   string `yaml:"type"`
	Config any    `yaml:"config"`
	Prefix string `yaml:"prefix"`
}

// viaThanos takes all from the file that Thanos calls objstore.config-file.
func viaThanos(ctx context.Context, arguments []string) (io.ReadCloser, error) {
	text, err := os.ReadFile(arguments[0])
	if err != nil {
		return nil, err
	}
	var found document
	if err := yaml.UnmarshalStrict(text, &found); err != nil {
		return nil, err
	}
	if found.Type != "S3" {
		return nil, fmt.Errorf("the type is %q", found.Type)
	}
	settings, err := yaml.Marshal(found.Config)
	if err != nil {
		return nil, err
	}
	bucket, err := thanos.NewBucket(kitlog.NewNopLogger(), settings, "consumers", nil)
	if err != nil {
		return nil, err
	}
	return bucket.Get(ctx, arguments[1])
}

func main() {
	readers := map[string]reader{"aws": viaSDK, "thanos": viaThanos}
	if len(os.Args) != 4 || readers[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "usage: consumers aws BUCKET KEY | consumers thanos FILE KEY")
		os.Exit(2)
	}
	body, err := readers[os.Args[1]](context.Background(), os.Args[2:])
	if err == nil {
		_, err = io.Copy(os.Stdout, body)
	}
	if err != nil {
		slog.Error("not read", "error", err)
		os.Exit(1)
	}
}
