// Loki's own S3 client, set as the Loki operator sets it from a connection Secret whose keys are files
// in a folder. Writes an object, reads it back, and prints it.
package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/grafana/loki/v3/pkg/storage/chunk/client/aws"
	"github.com/grafana/loki/v3/pkg/storage/chunk/client/hedging"
	"go.yaml.in/yaml/v2"
)

// section is the part of Loki's configuration that the operator's template loki-config.yaml fills in.
type section struct {
	S3               string `yaml:"s3"`
	Endpoint         string `yaml:"endpoint"`
	BucketNames      string `yaml:"bucketnames"`
	Region           string `yaml:"region"`
	AccessKeyID      string `yaml:"access_key_id"`
	SecretAccessKey  string `yaml:"secret_access_key"`
	S3ForcePathStyle bool   `yaml:"s3forcepathstyle"`
}

func settings(folder string) (aws.S3Config, error) {
	var found aws.S3Config
	found.RegisterFlags(flag.NewFlagSet("loki", flag.ContinueOnError))
	values := map[string]string{}
	for _, key := range []string{
		"endpoint", "bucketnames", "region", "access_key_id", "access_key_secret",
	} {
		text, err := os.ReadFile(filepath.Join(folder, key))
		if err != nil {
			return found, err
		}
		values[key] = string(text)
	}
	document, err := yaml.Marshal(section{
		S3:               values["endpoint"],
		Endpoint:         values["endpoint"],
		BucketNames:      values["bucketnames"],
		Region:           values["region"],
		AccessKeyID:      values["access_key_id"],
		SecretAccessKey:  values["access_key_secret"],
		S3ForcePathStyle: true,
	})
	if err != nil {
		return found, err
	}
	return found, yaml.UnmarshalStrict(document, &found)
}

func throughStore(ctx context.Context, folder, key, text string) (string, error) {
	found, err := settings(folder)
	if err != nil {
		return "", err
	}
	client, err := aws.NewS3ObjectClient(found, hedging.Config{})
	if err != nil {
		return "", err
	}
	defer client.Stop()
	if err := client.PutObject(ctx, key, bytes.NewReader([]byte(text))); err != nil {
		return "", err
	}
	body, _, err := client.GetObject(ctx, key)
	if err != nil {
		return "", err
	}
	defer body.Close()
	content, err := io.ReadAll(body)
	return string(content), err
}

func main() {
	if len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "usage: loki FOLDER KEY TEXT")
		os.Exit(2)
	}
	found, err := throughStore(context.Background(), os.Args[1], os.Args[2], os.Args[3])
	if err != nil {
		slog.Error("not written and read", "error", err)
		os.Exit(1)
	}
	fmt.Print(found)
}
