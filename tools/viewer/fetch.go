package main

import (
	"context"
	"crypto/sha512"
	"encoding/base64"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// What is fetched, and the SHA-512 of the archive.
const (
	source   = "@ohif/app@3.12.10"
	checksum = "0kuF66Mq9c9dMD++bUsTjMrJpXJwaZhz9B4uS244DawAjSkTwIYFU93pxPuRUQixaRi7QAHlF3Fe1qudBlZrmA=="
)

// fetch gets the archive of the package with npm.
func fetch(ctx context.Context) ([]byte, error) {
	temp, err := os.MkdirTemp("", "viewer")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(temp) }() // in the system's own temporary folder
	cmd := exec.CommandContext(ctx, "npm", "pack", "--silent", "--pack-destination", temp, source)
	cmd.Dir = temp
	if text, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("npm pack %s: %w\n%s", source, err, text)
	}
	files, err := filepath.Glob(filepath.Join(temp, "*.tgz"))
	if err != nil || len(files) != 1 {
		return nil, fmt.Errorf("npm pack %s left %d archives: %w", source, len(files), err)
	}
	archive, err := os.ReadFile(files[0])
	if err != nil {
		return nil, err
	}
	return archive, known(archive)
}

// known refuses an archive that is not the one this program was written for.
func known(archive []byte) error {
	if sum := sha512.Sum512(archive); base64.StdEncoding.EncodeToString(sum[:]) != checksum {
		return fmt.Errorf("%s: the archive is not the one this program knows", source)
	}
	return nil
}
