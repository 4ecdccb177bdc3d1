package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"syscall"
	"time"

	"radagora/bench/made"
	"radagora/dicom"
	"radagora/dicom/tag"
	"radagora/fault"
)

// readOne indexes the header of a file and returns its patient ID.
func readOne(name string, o *dicom.Options) (string, error) {
	f, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return "", err
	}
	d, err := dicom.Open(f, info.Size(), o)
	if err != nil {
		return "", err
	}
	return d.Text(tag.PatientID), nil
}

// How far a file is read.
var (
	header   = &dicom.Options{StopAt: tag.PixelData}
	oneValue = &dicom.Options{StopAt: tag.PatientID + 1}
)

// printEach writes the patient ID of each file, as dcmdump +P does, and reads no
// more than that if value says so.
func printEach(w io.Writer, names []string, value bool) error {
	o := header
	if value {
		o = oneValue
	}
	out := bufio.NewWriter(w)
	for _, name := range names {
		id, err := readOne(name, o)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if _, err := out.WriteString(id + "\n"); err != nil {
			return err
		}
	}
	return out.Flush()
}

// inProcess returns the CPU time that this process needs for the names.
func inProcess(o *dicom.Options) func([]string) (time.Duration, error) {
	return func(names []string) (time.Duration, error) {
		before, err := used()
		if err != nil {
			return 0, err
		}
		for _, name := range names {
			if id, err := readOne(name, o); err != nil || id == "" {
				return 0, fault.Errorf(fault.Invalid, "%s: no patient ID: %w", name, err)
			}
		}
		after, err := used()
		return after - before, err
	}
}

// used returns the CPU time of this process so far.
func used() (time.Duration, error) {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0, err
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()), nil
}

// makeFiles writes n CT images of 512 x 512 into dir.
func makeFiles(dir string, n int) error {
	_, err := made.Set{Name: "parse", Studies: 1, Instances: n, Edge: 512, Private: true}.Write(dir)
	return err
}
