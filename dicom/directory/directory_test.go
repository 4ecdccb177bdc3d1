package directory_test

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"radagora/dicom"
	"radagora/dicom/directory"
	"radagora/dicom/tag"
	"radagora/dicom/uid"
	"radagora/fault"
)

// entry makes a file of a study; more changes its header.
func entry(t *testing.T, patient, study, series, n int, class uid.UID, more func(*dicom.Builder)) directory.Entry {
	t.Helper()
	sop := uid.Must(fmt.Sprintf("1.2.%d.%d.%d.%d", patient+1, study+1, series+1, n+1))
	b := dicom.NewBuilder().Text(tag.PatientID, fmt.Sprintf("P%d", patient)).Text(tag.PatientName, "Müller^Änne").
		UID(tag.StudyInstanceUID, uid.Must(fmt.Sprintf("1.2.%d.%d", patient+1, study+1))).
		UID(tag.SeriesInstanceUID, uid.Must(fmt.Sprintf("1.2.%d.%d.%d", patient+1, study+1, series+1))).
		UID(tag.SOPClassUID, class).UID(tag.SOPInstanceUID, sop).
		Text(tag.Modality, "CT").Int(tag.InstanceNumber, int64(n+1)).Text(tag.StudyDate, "20260102")
	if more != nil {
		more(b)
	}
	ds, err := b.Dataset()
	if err != nil {
		t.Fatal(err)
	}
	return directory.Entry{
		File: directory.FileID(patient, study, series, n), Header: ds, SOPClass: class, SOPInstance: sop, TransferSyntax: uid.ExplicitVRLittleEndian,
	}
}

// medium is two patients, one with two studies, and an SR.
func medium(t *testing.T) []directory.Entry {
	t.Helper()
	var all []directory.Entry
	for n := range 3 {
		all = append(all, entry(t, 0, 0, 0, n, uid.CTImageStorage, nil))
	}
	all = append(all,
		entry(t, 1, 0, 0, 0, uid.CTImageStorage, nil),
		entry(t, 0, 1, 0, 0, uid.CTImageStorage, nil),
		entry(t, 0, 0, 1, 0, uid.XRayRadiationDoseSRStorage, func(b *dicom.Builder) {
			b.Text(tag.CompletionFlag, "COMPLETE").Text(tag.VerificationFlag, "UNVERIFIED").Sequence(tag.ConceptNameCodeSequence,
				dicom.NewBuilder().Text(tag.CodeValue, "113701").Text(tag.CodingSchemeDesignator, "DCM").Text(tag.CodeMeaning, "X-Ray Radiation Dose Report"))
		}),
	)
	return all
}

func write(w io.Writer, all []directory.Entry) error {
	var d directory.Directory
	for _, e := range all {
		if err := d.Add(e); err != nil {
			return err
		}
	}
	return d.Write(w, "my disc")
}

// TestOffsets follows the offsets as a reader of media does.
func TestOffsets(t *testing.T) {
	var b bytes.Buffer
	if err := write(&b, medium(t)); err != nil {
		t.Fatal(err)
	}
	f, err := dicom.Open(bytes.NewReader(b.Bytes()), int64(b.Len()), nil)
	if err != nil {
		t.Fatal(err)
	}
	at := map[int64]*dicom.Dataset{}
	for _, item := range f.Items(tag.DirectoryRecordSequence) {
		e, _ := item.Element(tag.OffsetOfTheNextDirectoryRecord)
		at[e.Offset()-16] = item
	}
	var out []string
	var follow func(depth int, from int64)
	follow = func(depth int, from int64) {
		for from != 0 {
			item, ok := at[from]
			if !ok || !bytes.Equal(b.Bytes()[from:from+4], []byte{0xFE, 0xFF, 0x00, 0xE0}) {
				t.Fatalf("offset %d is no record", from)
			}
			kind := item.Text(tag.DirectoryRecordType)
			out = append(out, strings.Repeat(" ", depth)+kind+" "+item.Text(tag.PatientID)+strings.Join(item.Texts(tag.ReferencedFileID), "/"))
			below, _ := item.Int(tag.OffsetOfReferencedLowerLevelDirectoryEntity)
			follow(depth+1, below)
			from, _ = item.Int(tag.OffsetOfTheNextDirectoryRecord)
		}
	}
	first, _ := f.Int(tag.OffsetOfTheFirstDirectoryRecordOfTheRootDirectoryEntity)
	follow(0, first)
	want := `PATIENT P0
 STUDY 
  SERIES 
   IMAGE DICOM/P00000/S00000/R00000/I0000000
   IMAGE DICOM/P00000/S00000/R00000/I0000001
   IMAGE DICOM/P00000/S00000/R00000/I0000002
  SERIES 
   SR DOCUMENT DICOM/P00000/S00000/R00001/I0000000
 STUDY 
  SERIES 
   IMAGE DICOM/P00000/S00001/R00000/I0000000
PATIENT P1
 STUDY 
  SERIES 
   IMAGE DICOM/P00001/S00000/R00000/I0000000`
	if got := strings.Join(out, "\n"); got != want {
		t.Errorf("the tree is\n%s\nwant\n%s", got, want)
	}
	last, _ := f.Int(tag.OffsetOfTheLastDirectoryRecordOfTheRootDirectoryEntity)
	if at[last] == nil || at[last].Text(tag.PatientID) != "P1" {
		t.Errorf("the last record of the root is at %d", last)
	}
}

// TestOthersReadIt has pydicom and dicom3tools read the directory.
func TestOthersReadIt(t *testing.T) {
	folder := t.TempDir()
	name := filepath.Join(folder, "DICOMDIR")
	entries := medium(t)
	var b bytes.Buffer
	if err := write(&b, entries); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		file := filepath.Join(append([]string{folder}, e.File...)...)
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		var one bytes.Buffer
		if err := dicom.WriteFile(&one, e.Header, e.TransferSyntax); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, one.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Run("pydicom", func(t *testing.T) {
		out, err := exec.CommandContext(t.Context(), "/usr/bin/python3", "-c", `
import sys
try:
    from pydicom.fileset import FileSet
except ImportError:
    print("none"); sys.exit()
fs = FileSet(sys.argv[1])
print(len(fs), sorted(str(i.PatientName) for i in fs)[0], len(fs.find(PatientID="P0")), len(fs.find_values("StudyInstanceUID")))`, name).CombinedOutput()
		if got := strings.TrimSpace(string(out)); got == "none" || err != nil && strings.Contains(got, "No such file") {
			t.Skip("pydicom is not installed")
		} else if got != "6 Müller^Änne 5 3" {
			t.Errorf("pydicom says %s, %v", got, err)
		}
	})
	t.Run("dciodvfy", func(t *testing.T) {
		tool, err := exec.LookPath("dciodvfy")
		if err != nil {
			t.Skip("dicom3tools is not installed")
		}
		out, _ := exec.CommandContext(t.Context(), tool, name).CombinedOutput()
		for line := range strings.Lines(string(out)) {
			if strings.HasPrefix(line, "Error") {
				t.Error(strings.TrimSpace(line))
			}
		}
	})
}

func TestBadEntries(t *testing.T) {
	good := entry(t, 0, 0, 0, 0, uid.CTImageStorage, nil)
	for name, change := range map[string]func(*directory.Entry){
		"no file":        func(e *directory.Entry) { e.File = nil },
		"a long name":    func(e *directory.Entry) { e.File = []string{"ABCDEFGHI"} },
		"a small letter": func(e *directory.Entry) { e.File = []string{"a"} },
		"too deep":       func(e *directory.Entry) { e.File = strings.Split("A A A A A A A A A", " ") },
		"no header":      func(e *directory.Entry) { e.Header = nil },
		"no class":       func(e *directory.Entry) { e.SOPClass = uid.UID{} },
		"no study": func(e *directory.Entry) {
			e.Header = entry(t, 0, 0, 0, 0, uid.CTImageStorage, func(b *dicom.Builder) { b.Delete(tag.StudyInstanceUID) }).Header
		},
	} {
		e := good
		change(&e)
		if err := write(&bytes.Buffer{}, []directory.Entry{e}); fault.Of(err) != fault.Invalid {
			t.Errorf("%s: %v; want Invalid", name, err)
		}
	}
	if err := write(&bytes.Buffer{}, []directory.Entry{good, good}); fault.Of(err) != fault.Invalid {
		t.Errorf("a file twice: %v; want Invalid", err)
	}
	if err := write(&bytes.Buffer{}, nil); fault.Of(err) != fault.Invalid {
		t.Errorf("nothing: %v; want Invalid", err)
	}
}
