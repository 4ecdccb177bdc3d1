package main

import (
	"archive/zip"
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"radagora/dicom"
	"radagora/dicom/sr"
	"radagora/dicom/tag"
	"radagora/dicom/uid"
	"radagora/dicom/vr"
	"radagora/dose/dosetest"
)

// mkreport is a command of the scripts that makes a CT dose report, so that no
// file of somebody else has to be kept:
//
//	mkreport [-day DAY] [-protocol NAME] … FILE STUDY INSTANCE TOTAL EVENT…
//
// STUDY and INSTANCE are names from which UIDs are made. An EVENT is
// NAME:CTDIVOL:DLP, or NAME for a localizer.
func mkreport() {
	var m reportMaker
	set := flag.NewFlagSet("mkreport", flag.ExitOnError)
	set.StringVar(&m.day, "day", "20260302", "study `date`")
	set.StringVar(&m.protocol, "protocol", "Abdomen Routine", "acquisition protocol")
	set.StringVar(&m.serial, "serial", "R64-0001", "serial number")
	set.StringVar(&m.kind, "kind", "", "what it is: letter, image, odd vendor; a dose report if empty")
	set.StringVar(&m.patient, "patient", "", "name of the patient; the one that no log may hold if empty")
	set.StringVar(&m.id, "id", "", "patient ID; one that belongs to the name if empty")
	set.StringVar(&m.birth, "birth", "", "birth date of the patient")
	set.IntVar(&m.cut, "cut", 0, "bytes that are missing at the end")
	set.Parse(os.Args[1:])
	if set.NArg() < 4 {
		set.Usage()
		os.Exit(2)
	}
	b, err := m.file(set.Arg(1), set.Arg(2), set.Arg(3), set.Args()[4:])
	if err == nil {
		err = os.WriteFile(set.Arg(0), b, 0o600)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "mkreport:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// A reportMaker makes files.
type reportMaker struct {
	day, protocol, serial, kind, patient string
	id, birth                            string
	cut                                  int
}

// file makes one.
func (m reportMaker) file(study, instance, total string, events []string) ([]byte, error) {
	var all []dosetest.Event
	for _, e := range events {
		field := strings.Split(e, ":")
		x := dosetest.Localizer(field[0])
		if len(field) == 3 {
			x = dosetest.Scan(field[0], field[1], field[2])
			x.Protocol = m.protocol
		}
		all = append(all, x)
	}
	r := dosetest.New(study, instance, total, all...)
	r.StudyDate, r.Serial = m.day, m.serial
	if m.patient != "" {
		r.PatientName, r.PatientID = m.patient, "1"
	}
	if m.id != "" {
		r.PatientID = m.id
	}
	r.BirthDate = m.birth
	switch m.kind {
	case "letter":
		r.Tree = func(root *sr.Item) { root.Concept = dosetest.Concept("126000", "Imaging Measurement Report") }
	case "image":
		b, err := image(r)
		return b[:max(0, len(b)-m.cut)], err
	case "odd vendor":
		r.Manufacturer, r.Model, r.Template = "Nobody & Sons", "Unheard Of", ""
		r.Tree = func(root *sr.Item) {
			for i := range root.All() {
				if i.Concept.Scheme == "DCM" && i.ValueType == "NUM" {
					i.Concept = sr.Code{Value: "X" + i.Concept.Value, Scheme: "99NOBODY", Meaning: i.Concept.Meaning}
				}
			}
		}
	}
	b, err := r.File()
	return b[:max(0, len(b)-m.cut)], err
}

// image makes a small CT image of the study of a report.
func image(r dosetest.Report) ([]byte, error) {
	d, err := dicom.NewBuilder().
		UID(tag.SOPClassUID, uid.CTImageStorage).UID(tag.SOPInstanceUID, dosetest.UID(r.Instance)).
		UID(tag.StudyInstanceUID, dosetest.UID(r.Study)).UID(tag.SeriesInstanceUID, dosetest.UID(r.Series)).
		Text(tag.Modality, "CT").Text(tag.PatientName, r.PatientName).Text(tag.PatientID, r.PatientID).
		Int(tag.Rows, 2).Int(tag.Columns, 2).Int(tag.BitsAllocated, 8).
		Bytes(tag.PixelData, vr.OB, []byte{1, 2, 3, 4}).Dataset()
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	err = dicom.WriteFile(&b, d, uid.ExplicitVRLittleEndian)
	return b.Bytes(), err
}

// mkzip makes a zip archive of files for a script: mkzip ARCHIVE FILE….
func mkzip(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: mkzip archive files...")
	}
	out, err := os.Create(ts.MkAbs(args[0]))
	ts.Check(err)
	z := zip.NewWriter(out)
	for _, name := range args[1:] {
		b, err := os.ReadFile(ts.MkAbs(name))
		ts.Check(err)
		w, err := z.CreateHeader(&zip.FileHeader{Name: filepath.ToSlash(name), Method: zip.Store})
		ts.Check(err)
		_, err = w.Write(b)
		ts.Check(err)
	}
	ts.Check(z.Close())
	ts.Check(out.Close())
}
