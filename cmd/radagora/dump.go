package main

import (
	"bufio"
	"fmt"
	"os"

	"radagora/dicom"
	"radagora/dicom/sr"
	"radagora/dicom/uid"
	"radagora/fault"
)

type dumpCmd struct {
	Files []string `arg:"" name:"file" help:"DICOM file."`
}

func (dumpCmd) Help() string {
	return `Prints the header of DICOM files in a readable form, a structured report as its content tree too, and
what is wrong with them. It shows what the file holds, names of patients included.
Exits with 1 if a file cannot be read to its end.

Example:

    radagora dump report.dcm`
}

// Run prints file after file; a bad one does not stop the others.
func (c dumpCmd) Run(sys *system) error {
	w := bufio.NewWriter(sys.Out)
	bad := 0
	for i, name := range c.Files {
		if i > 0 {
			fmt.Fprintln(w)
		}
		if len(c.Files) > 1 {
			fmt.Fprintf(w, "# %s\n", name)
		}
		if err := dump(w, name); err != nil {
			bad++
			fmt.Fprintf(sys.Err, "radagora: %s: %v\n", name, err)
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if bad > 0 {
		return fault.Errorf(fault.Invalid, "%d of %d files could not be read to the end", bad, len(c.Files))
	}
	return nil
}

// dump prints one file, as far as it can be read.
func dump(w *bufio.Writer, name string) error {
	in, err := os.Open(name)
	if err != nil {
		return err
	}
	defer in.Close()
	stat, err := in.Stat()
	if err != nil {
		return err
	}
	f, err := dicom.Open(in, stat.Size(), nil)
	if f == nil {
		return err
	}
	fmt.Fprintf(w, "# transfer syntax %v %s\n", f.TransferSyntax, uid.Name(f.TransferSyntax))
	for line := range dicom.Lines(f.Meta) {
		fmt.Fprintln(w, line)
	}
	for line := range dicom.Lines(f.Dataset) {
		fmt.Fprintln(w, line)
	}
	for _, warning := range f.Warnings {
		fmt.Fprintf(w, "# warning: %v\n", warning)
	}
	if doc, notSR := sr.Parse(f.Dataset); notSR == nil {
		fmt.Fprintln(w, "# content tree")
		if err := doc.Text(w); err != nil {
			return err
		}
	}
	return err
}
