package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
)

// What is fetched, and the SHA-512 of the archive.
const (
	source   = "hl7.fhir.r4.examples@4.0.1"
	checksum = "DXBdIZOeQaSKIgCU7w6HOC7sw/6BzylmipLkBW4f//pT+Bc94x+8LImwTdvaNThPJoOzpBzvxAzNqjeu3X/zLw=="
)

// fetch gets the package with npm and unpacks it into folder, unless it is there.
func fetch(ctx context.Context, folder string, out io.Writer) error {
	if exists(folder) {
		return nil
	}
	temp, err := os.MkdirTemp("", "fhirtables")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(temp) }() // in the system's own temporary folder
	cmd := exec.CommandContext(ctx, "npm", "pack", "--silent", "--pack-destination", temp, source)
	cmd.Dir = temp
	if text, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("npm pack %s: %w\n%s", source, err, text)
	}
	files, err := filepath.Glob(filepath.Join(temp, "*.tgz"))
	if err != nil || len(files) != 1 {
		return fmt.Errorf("npm pack %s left %d archives: %w", source, len(files), err)
	}
	archive, err := os.ReadFile(files[0])
	if err != nil {
		return err
	}
	if sum := sha512.Sum512(archive); base64.StdEncoding.EncodeToString(sum[:]) != checksum {
		return fmt.Errorf("%s: the archive is not the one this program knows", source)
	}
	n, err := unpack(archive, folder)
	if err != nil {
		return fmt.Errorf("unpack %s: %w", source, err)
	}
	fmt.Fprintf(out, "fhirtables: %d files of %s\n", n, source)
	return nil
}

// unpack writes the files of the archive's folder "package" into folder. It works
// beside it and renames at the end: folder is whole or absent.
func unpack(archive []byte, folder string) (n int, err error) {
	zipped, err := gzip.NewReader(bytes.NewReader(archive))
	if err != nil {
		return 0, err
	}
	part := folder + ".part"
	if err := errors.Join(os.RemoveAll(part), os.MkdirAll(part, 0o755)); err != nil {
		return 0, err
	}
	for r := tar.NewReader(zipped); ; n++ {
		head, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return n, err
		}
		dir, name := path.Split(head.Name)
		if dir != "package/" || head.Typeflag != tar.TypeReg || strings.ContainsAny(name, `\/:`) {
			return n, fmt.Errorf("entry %d is not a plain file of the package", n+1)
		}
		text, err := io.ReadAll(r)
		if err != nil {
			return n, err
		}
		if err := os.WriteFile(filepath.Join(part, name), text, 0o644); err != nil {
			return n, err
		}
	}
	return n, errors.Join(os.RemoveAll(folder), os.Rename(part, folder))
}
