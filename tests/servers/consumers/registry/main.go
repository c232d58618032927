// Distribution's own reader of a connection Secret: all of it stands in the environment. Writes an
// object with its storage driver, reads it back, and prints it.
package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"

	"github.com/distribution/distribution/v3/configuration"
	"github.com/distribution/distribution/v3/registry/storage/driver/factory"
	_ "github.com/distribution/distribution/v3/registry/storage/driver/s3-aws"
)

func throughStore(ctx context.Context, key, text string) (string, error) {
	// As short as a configuration can be: the variables REGISTRY_… say the rest.
	settings, err := configuration.Parse(strings.NewReader("version: 0.1\n"))
	if err != nil {
		return "", err
	}
	driver, err := factory.Create(ctx, settings.Storage.Type(), settings.Storage.Parameters())
	if err != nil {
		return "", err
	}
	if err := driver.PutContent(ctx, "/"+key, []byte(text)); err != nil {
		return "", err
	}
	found, err := driver.GetContent(ctx, "/"+key)
	return string(found), err
}

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: registry KEY TEXT")
		os.Exit(2)
	}
	found, err := throughStore(context.Background(), os.Args[1], os.Args[2])
	if err != nil {
		slog.Error("not written and read", "error", err)
		os.Exit(1)
	}
	fmt.Print(found)
}
