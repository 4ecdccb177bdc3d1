// Command viewer makes the bundle of the image viewer that the program serves at
// /viewer/: the prebuilt OHIF of npm, without what is not used, its files
// compressed, with its addresses below /viewer/ and none to other machines.
//
// The bundle is not committed. It is made by `make run`, `make test` and
// `make release` where npm is present; without it the program builds, and its pages
// show previews drawn by the server.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "viewer:", err)
		os.Exit(1) //nolint:gocritic // nothing is left to stop
	}
}

// run makes the bundle unless it is there.
func run(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("viewer", flag.ContinueOnError)
	to := flags.String("o", "web/viewer/dist/ohif.zip", "the bundle")
	from := flags.String("from", "", "an archive of the package, instead of fetching it with npm")
	maybe := flags.Bool("if-npm", false, "do nothing, and say so, where npm is missing or cannot fetch")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if made(*to) {
		return nil
	}
	archive, err := get(ctx, *from)
	if err != nil {
		if *maybe {
			fmt.Fprintln(out, "no image viewer, previews instead:", err)
			return nil
		}
		return err
	}
	n, err := bundle(archive, *to)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "image viewer: %d files of %s\n", n, source)
	return nil
}

// get returns the archive of the package.
func get(ctx context.Context, from string) ([]byte, error) {
	if from != "" {
		archive, err := os.ReadFile(from)
		if err != nil {
			return nil, err
		}
		return archive, known(archive)
	}
	if _, err := exec.LookPath("npm"); err != nil {
		return nil, errors.New("npm is not installed")
	}
	return fetch(ctx)
}
