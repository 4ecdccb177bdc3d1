// Command release makes everything that is published, reproducibly and without a network.
//
//	go run ./tools/release -o dist
//
// It writes static programs for each target, Debian packages and one image in the
// OCI layout for Linux, a list of what is inside for each program (CycloneDX), and
// SHA256SUMS. Modules and tools have to be there already (go mod download). The
// same source, Go release and certificates give the same bytes: SOURCE_DATE_EPOCH,
// or else the time of the commit, is the only time that goes in.
//
// The knowledge in content/ and the image viewer are part of the program: see inside.go
// and bom.go.
package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

func main() {
	root := flag.String("root", ".", "folder of the repository")
	out := flag.String("o", "dist", "folder to write to")
	version := flag.String("version", "", "version; empty: what git describes")
	only := flag.String("target", "", "one target such as linux/amd64; empty: all")
	authorities := flag.String("authorities", "/etc/ssl/certs/ca-certificates.crt", "certificate authorities that the image trusts (PEM)")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, *root, *out, *version, *only, *authorities, os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}

// A release is what all artefacts of one run have in common.
type release struct {
	root, out   string
	version     string    // as the program says it
	number      string    // the version as packages order it
	when        time.Time // the only time in any artefact
	authorities []byte    // PEM
	licences    map[string]string
	said        io.Writer
}

// run makes a whole release.
func run(ctx context.Context, root, out, version, only, authorities string, said io.Writer) error {
	r, err := newRelease(ctx, root, out, version, authorities)
	if err != nil {
		return err
	}
	r.said = said
	chosen := slices.DeleteFunc(slices.Clone(targets), func(t target) bool { return only != "" && t.String() != only })
	if len(chosen) == 0 {
		return fmt.Errorf("no target %s", only)
	}
	var built []program
	for _, t := range chosen {
		p, err := r.build(ctx, t)
		if err != nil {
			return err
		}
		built = append(built, p)
	}
	if err := r.pack(built); err != nil {
		return err
	}
	return r.sums()
}

// newRelease finds out what a run needs to know, and empties the folder.
func newRelease(ctx context.Context, root, out, version, authorities string) (*release, error) {
	r := &release{root: root, out: out, version: version, said: io.Discard}
	var err error
	if r.when, err = when(ctx, root); err != nil {
		return nil, err
	}
	if r.version == "" {
		r.version = git(ctx, root, "describe", "--tags", "--always", "--dirty")
	}
	if r.version == "" {
		r.version = "unknown"
	}
	r.number = number(r.version, r.when)
	if r.authorities, err = os.ReadFile(authorities); err != nil {
		return nil, fmt.Errorf("certificate authorities for the image: %w", err)
	}
	if r.licences, err = readLicences(filepath.Join(root, "cmd", "radagora", "licences.txt")); err != nil {
		return nil, err
	}
	return r, errors.Join(os.RemoveAll(out), os.MkdirAll(out, 0o755))
}

// when returns the time that artefacts bear.
func when(ctx context.Context, root string) (time.Time, error) {
	text := os.Getenv("SOURCE_DATE_EPOCH")
	if text == "" {
		text = git(ctx, root, "log", "-1", "--format=%ct")
	}
	if text == "" {
		text = "315532800" // 1980: a tree without git
	}
	seconds, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return time.Time{}, fmt.Errorf("SOURCE_DATE_EPOCH: want seconds since 1970, not %q", text)
	}
	return time.Unix(seconds, 0).UTC(), nil
}

// git returns what a git command says, "" if there is no git or no repository.
func git(ctx context.Context, root string, args ...string) string {
	cmd := exec.CommandContext(ctx, "git", append([]string{"-c", "safe.directory=*"}, args...)...)
	cmd.Dir = root
	out, err := cmd.Output()
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(out))
}

// pack makes everything that programs go into.
func (r *release) pack(built []program) error {
	var linux []program
	for _, p := range built {
		if err := r.bom(p); err != nil {
			return err
		}
		if p.os != "linux" {
			continue
		}
		linux = append(linux, p)
		if err := r.deb(p); err != nil {
			return err
		}
	}
	if len(linux) == 0 {
		return nil
	}
	return r.image(linux)
}

// write writes one artefact.
func (r *release) write(name string, content []byte) error {
	fmt.Fprintf(r.said, "%9.1f MB  %s\n", float64(len(content))/1e6, name)
	return os.WriteFile(filepath.Join(r.out, name), content, 0o644)
}

// sums writes the digests of all artefacts, as sha256sum -c reads them.
func (r *release) sums() error {
	entries, err := os.ReadDir(r.out)
	if err != nil {
		return err
	}
	var text strings.Builder
	for _, e := range entries {
		content, err := os.ReadFile(filepath.Join(r.out, e.Name()))
		if err != nil {
			return err
		}
		fmt.Fprintf(&text, "%s  %s\n", digest(content), e.Name())
	}
	return r.write("SHA256SUMS", []byte(text.String()))
}

// digest returns the SHA-256 in hex.
func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}
