package main

import (
	"archive/zip"
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/rogpeppe/go-internal/testscript"
)

// unzip takes an archive apart for a script: unzip ARCHIVE FOLDER.
func unzip(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: unzip archive folder")
	}
	r, err := zip.OpenReader(ts.MkAbs(args[0]))
	ts.Check(err)
	defer r.Close()
	ts.Check(os.CopyFS(ts.MkAbs(args[1]), r))
}

// errFound is why a walk ends early.
var errFound = errors.New("found")

// find reports whether a file below folder fits.
func find(ts *testscript.TestScript, folder string, fits func([]byte) bool) bool {
	err := filepath.WalkDir(ts.MkAbs(folder), func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		in, err := os.Open(name)
		if err != nil {
			return err
		}
		defer in.Close()
		text, err := io.ReadAll(in)
		if err == nil && fits(text) {
			ts.Logf("found in %s", name)
			return errFound
		}
		return err
	})
	if err != nil && !errors.Is(err, errFound) {
		ts.Fatalf("%s: %v", folder, err)
	}
	return err != nil
}

// holds looks for a text in all files below a folder: holds FOLDER TEXT. DICOM holds
// names as they are, the database too.
func holds(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: [!] holds folder text")
	}
	if find(ts, args[0], func(b []byte) bool { return bytes.Contains(b, []byte(args[1])) }) == neg {
		ts.Fatalf("%s holds %s: %v", args[0], args[1], neg)
	}
}

// same looks for a file with the same bytes below a folder: same FILE FOLDER.
func same(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: [!] same file folder")
	}
	want := []byte(ts.ReadFile(args[0]))
	if find(ts, args[1], func(b []byte) bool { return bytes.Equal(b, want) }) == neg {
		ts.Fatalf("%s is below %s: %v", args[0], args[1], neg)
	}
}
