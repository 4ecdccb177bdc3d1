// Command parse measures the reading of DICOM headers beside peers.
//
// It lets this program's parser and every peer it finds read the same files and
// prints the processor time, user and system, that each took for a file. Peers
// are whole programs: each reads all files in one run, and then one file alone;
// the difference, divided by the files in between, is what a file costs without
// the start of the program. This program's parser is measured in the same way as
// a process of its own, and besides in the measuring process, without output.
//
//	go run ./bench/parse                  # 400 CT images of 0.5 MB, made for it and removed
//	go run ./bench/parse --dir FOLDER     # the files in a folder instead
//
// Peers are dcmdump (dcmtk), gdcmscanner and gdcmdump (libgdcm-tools), and
// pydicom (python3-pydicom); those that are not there are named and left out. All
// files are read once before anything is measured, so that disks do not count.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

func main() {
	dir := flag.String("dir", "", "folder with DICOM files, all of which are used; empty: make some")
	files := flag.Int("files", 400, "how many files to make")
	rounds := flag.Int("rounds", 3, "how often to measure; the median counts")
	read := flag.Bool("read", false, "read the files named as arguments and print one line for each; the measured process")
	value := flag.Bool("value", false, "with --read: stop reading a file behind the patient ID")
	flag.Parse()
	var err error
	if *read {
		err = printEach(os.Stdout, flag.Args(), *value)
	} else {
		err = run(os.Stdout, *dir, *files, *rounds)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "parse:", err)
		os.Exit(1)
	}
}

// run measures everybody and writes the table to w.
func run(w io.Writer, dir string, files, rounds int) error {
	if dir == "" {
		made, err := os.MkdirTemp("", "radagora-parse-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(made) //nolint:errcheck // of a temporary folder
		if err := makeFiles(made, files); err != nil {
			return err
		}
		dir = made
	}
	names, err := find(dir)
	if err != nil {
		return err
	}
	size, err := warm(names)
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "%d files of %d KB on average; CPU time, user and system, median of %d rounds\n\n", len(names), size/int64(len(names))>>10, rounds)
	return measure(w, contenders(self), names, rounds)
}

// find returns the files below dir.
func find(dir string) ([]string, error) {
	var names []string
	err := filepath.WalkDir(dir, func(name string, e os.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() && filepath.Base(name) != "DICOMDIR" {
			names = append(names, name)
		}
		return err
	})
	if err == nil && len(names) < 2 {
		err = fmt.Errorf("%s: %d files; at least 2 are needed", dir, len(names))
	}
	return names, err
}

// warm reads all files once and returns how long they are together.
func warm(names []string) (int64, error) {
	total := int64(0)
	for _, name := range names {
		f, err := os.Open(name)
		if err != nil {
			return 0, err
		}
		n, err := io.Copy(io.Discard, f)
		if err := f.Close(); err != nil {
			return 0, err
		}
		if err != nil {
			return 0, err
		}
		total += n
	}
	return total, nil
}
