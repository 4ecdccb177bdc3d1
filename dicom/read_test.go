package dicom_test

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"radagora/dicom"
	"radagora/dicom/tag"
	"radagora/dicom/uid"
	"radagora/dicom/vr"
	"radagora/fault"
)

// explicit returns an element in explicit VR little endian.
func explicit(t tag.Tag, v, value string) string {
	b := binary.LittleEndian.AppendUint16(nil, t.Group())
	b = binary.LittleEndian.AppendUint16(b, t.Element())
	b = append(b, v...)
	if x, _ := vr.Parse(v); x.Long() {
		b = binary.LittleEndian.AppendUint32(append(b, 0, 0), uint32(len(value)))
	} else {
		b = binary.LittleEndian.AppendUint16(b, uint16(len(value)))
	}
	return string(b) + value
}

// implicit returns an element in implicit VR little endian.
func implicit(t tag.Tag, value string) string { return delimiter(t, uint32(len(value))) + value }

// delimiter returns a tag with a length.
func delimiter(t tag.Tag, length uint32) string {
	b := binary.LittleEndian.AppendUint16(nil, t.Group())
	b = binary.LittleEndian.AppendUint16(b, t.Element())
	return string(binary.LittleEndian.AppendUint32(b, length))
}

// endless returns the head of an explicit element of undefined length.
func endless(t tag.Tag, v string) string {
	return explicit(t, v, "")[:8] + "\xff\xff\xff\xff"
}

const (
	itemTag    = tag.Tag(0xFFFEE000)
	itemEnd    = tag.Tag(0xFFFEE00D)
	seqEnd     = tag.Tag(0xFFFEE0DD)
	unlimited  = 0xFFFFFFFF
	privateTag = tag.Tag(0x00191001)
)

// file puts preamble and meta information before a data set.
func file(t *testing.T, syntax uid.UID, data string) string {
	t.Helper()
	var b bytes.Buffer
	m := dicom.Meta{SOPClass: uid.CTImageStorage, SOPInstance: uid.Must("1.2.3"), TransferSyntax: syntax}
	if err := dicom.WriteMeta(&b, m); err != nil {
		t.Fatal(err)
	}
	return b.String() + data
}

// open reads s from memory.
func open(s string) (*dicom.File, error) {
	return dicom.Open(strings.NewReader(s), int64(len(s)), nil)
}

// codes returns the codes of the warnings.
func codes(f *dicom.File) []string {
	var all []string
	for _, w := range f.Warnings {
		all = append(all, w.Code)
	}
	return all
}

var patient = explicit(tag.PatientID, "LO", "ID 1")

func TestReadTolerates(t *testing.T) {
	seq := explicit(tag.ReferencedStudySequence, "SQ", delimiter(itemTag, 12)+explicit(tag.PatientID, "LO", "ID 2"))
	for _, c := range []struct {
		name   string
		syntax uid.UID
		data   string // behind the meta information; with none if syntax is zero
		want   []string
		id     string
	}{
		{"nothing to tolerate", uid.ExplicitVRLittleEndian, patient, nil, "ID 1"},
		{"implicit VR", uid.ImplicitVRLittleEndian, implicit(tag.PatientID, "ID 1"), nil, "ID 1"},
		{"a data set alone", uid.UID{}, explicit(tag.SOPClassUID, "UI", "1.2\x00") + patient, []string{dicom.WarnNoPreamble, dicom.WarnNoMeta, dicom.WarnNoSyntax}, "ID 1"},
		{"an implicit one alone", uid.UID{}, implicit(tag.SOPClassUID, "1.2\x00") + implicit(tag.PatientID, "ID 1"), []string{dicom.WarnNoPreamble, dicom.WarnNoMeta, dicom.WarnNoSyntax}, "ID 1"},
		{"implicit VR that was declared explicit", uid.ExplicitVRLittleEndian, implicit(tag.PatientID, "ID 1"), []string{dicom.WarnImplicit}, "ID 1"},
		{"explicit VR that was declared implicit", uid.ImplicitVRLittleEndian, patient, []string{dicom.WarnExplicit}, "ID 1"},
		{"one implicit element among explicit ones", uid.ExplicitVRLittleEndian, explicit(tag.Modality, "CS", "CT") + implicit(tag.PatientName, "A^B ") + patient, []string{dicom.WarnImplicit}, "ID 1"},
		{"a VR of the future", uid.ExplicitVRLittleEndian, explicit(tag.Modality, "CS", "CT") + explicit(privateTag-0x100000, "ZZ", "1234") + patient, []string{dicom.WarnUnknownVR}, "ID 1"},
		{"odd length", uid.ExplicitVRLittleEndian, explicit(tag.Modality, "CS", "CT ") + patient, []string{dicom.WarnOddLength}, "ID 1"},
		{"zeros at the end", uid.ExplicitVRLittleEndian, patient + strings.Repeat("\x00", 21), []string{dicom.WarnPadding}, "ID 1"},
		{"tags out of order", uid.ExplicitVRLittleEndian, explicit(tag.StudyInstanceUID, "UI", "1.2\x00") + patient, []string{dicom.WarnOrder}, "ID 1"},
		{"a sequence that nobody closed", uid.ExplicitVRLittleEndian, endless(tag.ReferencedStudySequence, "SQ") + delimiter(itemTag, unlimited) + explicit(tag.Modality, "CS", "CT") + delimiter(seqEnd, 0) + patient, []string{dicom.WarnNoDelimiter}, "ID 1"},
		{"a stray delimiter", uid.ExplicitVRLittleEndian, seq + delimiter(seqEnd, 0) + patient, []string{dicom.WarnDelimiter}, "ID 1"},
		{"an item longer than its sequence", uid.ExplicitVRLittleEndian, explicit(tag.ReferencedStudySequence, "SQ", delimiter(itemTag, 100)+explicit(tag.PatientID, "LO", "ID 2")) + patient, []string{dicom.WarnOverrun}, "ID 1"},
		{"rubbish in a sequence of known length", uid.ExplicitVRLittleEndian, explicit(tag.ReferencedStudySequence, "SQ", "rubbish that is no item") + patient, []string{dicom.WarnNoItem}, "ID 1"},
		{"a value longer than its item", uid.ExplicitVRLittleEndian, explicit(tag.ReferencedStudySequence, "SQ", delimiter(itemTag, 10)+explicit(tag.PatientName, "PN", "xxxxxx")[:10]) + patient, []string{dicom.WarnOverrun}, "ID 1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := c.data
			if !c.syntax.IsZero() {
				s = file(t, c.syntax, c.data)
			}
			f, err := open(s)
			if err != nil {
				t.Fatal(err)
			}
			if got := f.Text(tag.PatientID); got != c.id || !slices.Equal(codes(f), c.want) {
				t.Errorf("Patient ID %q, warnings %v; want %q, %v", got, f.Warnings, c.id, c.want)
			}
			g, err := dicom.Read(iotest.OneByteReader(strings.NewReader(s)), nil)
			if err != nil || g.Text(tag.PatientID) != c.id || !slices.Equal(codes(g), c.want) {
				t.Errorf("as a stream: Patient ID %q, warnings %v, error %v", g.Text(tag.PatientID), g.Warnings, err)
			}
		})
	}
}

func TestReadRefuses(t *testing.T) {
	deep := strings.Repeat(endless(tag.ReferencedStudySequence, "SQ")+delimiter(itemTag, unlimited), 2000)
	many := strings.Repeat(explicit(tag.Modality, "CS", ""), 1<<20+1)
	for _, c := range []struct {
		name, data string
		want       fault.Kind
	}{
		{"nothing", "", fault.Invalid},
		{"text", "This is a letter, and no DICOM object at all.\n", fault.Invalid},
		{"a picture", "\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01", fault.Invalid},
		{"an element cut short", file(t, uid.ExplicitVRLittleEndian, patient[:len(patient)-1]), fault.Invalid},
		{"a head cut short", file(t, uid.ExplicitVRLittleEndian, patient+patient[:5]), fault.Invalid},
		{"a long head cut short", file(t, uid.ExplicitVRLittleEndian, endless(tag.PixelData, "OB")[:10]), fault.Invalid},
		{"an open item at the end", file(t, uid.ExplicitVRLittleEndian, endless(tag.ReferencedStudySequence, "SQ")+delimiter(itemTag, unlimited)+patient), fault.Invalid},
		{"4 GB that are not there", file(t, uid.ExplicitVRLittleEndian, explicit(tag.PixelData, "OW", "")[:8]+"\xfe\xff\xff\xff"+"few"), fault.Invalid},
		{"text of undefined length", file(t, uid.ExplicitVRLittleEndian, endless(tag.TextValue, "UT")+"abcd"), fault.Invalid},
		{"nested too deeply", file(t, uid.ExplicitVRLittleEndian, deep), fault.Exhausted},
		{"too many elements", file(t, uid.ExplicitVRLittleEndian, many), fault.Exhausted},
		{"a damaged deflate stream", file(t, uid.DeflatedExplicitVRLittleEndian, "\xff\xff\xff\xff\xff"), fault.Invalid},
		{"a deflate stream cut short", file(t, uid.DeflatedExplicitVRLittleEndian, deflated(t, strings.Repeat(patient, 50))[:20]), fault.Invalid},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := open(c.data)
			if err == nil || fault.Of(err) != c.want {
				t.Errorf("Open: %v; want kind %v", err, c.want)
			}
			if _, err := dicom.Read(strings.NewReader(c.data), nil); err == nil || fault.Of(err) != c.want {
				t.Errorf("Read: %v; want kind %v", err, c.want)
			}
		})
	}
}

// deflated compresses s.
func deflated(t *testing.T, s string) string {
	t.Helper()
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, 6)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(w, s); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// memory is a Spool in memory.
type memory struct{ b []byte }

func (m *memory) Write(p []byte) (int, error) { m.b = append(m.b, p...); return len(p), nil }
func (m *memory) ReadAt(p []byte, at int64) (int, error) {
	return bytes.NewReader(m.b).ReadAt(p, at)
}

func TestDeflated(t *testing.T) {
	long := strings.Repeat("x", 6<<20)
	s := file(t, uid.DeflatedExplicitVRLittleEndian, deflated(t, patient+explicit(tag.TextValue, "UT", long)+explicit(tag.PixelData, "OB", "12")))
	t.Run("without a spool long values are gone", func(t *testing.T) {
		f, err := open(s)
		if err != nil || f.Text(tag.PatientID) != "ID 1" || f.Text(tag.TextValue) != "" {
			t.Fatalf("%v; Patient ID %q, text of %d", err, f.Text(tag.PatientID), len(f.Text(tag.TextValue)))
		}
		e, _ := f.Element(tag.TextValue)
		if _, err := e.Bytes(); fault.Of(err) != fault.Unavailable {
			t.Errorf("Bytes: %v; want unavailable", err)
		}
	})
	t.Run("with a spool they are there", func(t *testing.T) {
		f, err := dicom.Open(strings.NewReader(s), int64(len(s)), &dicom.Options{Spool: func() (dicom.Spool, error) { return &memory{}, nil }})
		if err != nil || f.Text(tag.TextValue) != long {
			t.Fatalf("%v; text of %d; want %d", err, len(f.Text(tag.TextValue)), len(long))
		}
	})
	t.Run("a bomb is refused", func(t *testing.T) {
		_, err := dicom.Open(strings.NewReader(s), int64(len(s)), &dicom.Options{Inflated: 1 << 20})
		if fault.Of(err) != fault.Exhausted {
			t.Errorf("%v; want exhausted", err)
		}
	})
}

func TestErrorsOfTheSource(t *testing.T) {
	broken := errors.New("cable pulled")
	s := file(t, uid.ExplicitVRLittleEndian, patient)
	_, err := dicom.Read(io.MultiReader(strings.NewReader(s), iotest.ErrReader(broken)), nil)
	if !errors.Is(err, broken) || fault.Of(err) != fault.Unavailable {
		t.Errorf("%v; want the reader's error, unavailable", err)
	}
}

func TestStopAt(t *testing.T) {
	s := file(t, uid.ExplicitVRLittleEndian, patient+explicit(tag.PixelData, "OW", "")[:8]+"\xfe\xff\xff\xff")
	f, err := dicom.Open(strings.NewReader(s), int64(len(s)), &dicom.Options{StopAt: tag.PixelData})
	if err != nil || f.Text(tag.PatientID) != "ID 1" || f.Has(tag.PixelData) {
		t.Errorf("%v; want the header and no error", err)
	}
}

func TestUnknownSequences(t *testing.T) {
	inner := implicit(tag.PatientID, "ID 2")
	for _, c := range []struct{ name, data string }{
		{"UN of undefined length is implicit VR", endless(privateTag, "UN") + delimiter(itemTag, unlimited) + inner + delimiter(itemEnd, 0) + delimiter(seqEnd, 0)},
		{"a standard sequence sent as UN", explicit(tag.ReferencedStudySequence, "UN", delimiter(itemTag, uint32(len(inner)))+inner)},
	} {
		t.Run(c.name, func(t *testing.T) {
			f, err := open(file(t, uid.ExplicitVRLittleEndian, explicit(tag.Modality, "CS", "CT")+c.data))
			if err != nil || len(f.Warnings) > 0 {
				t.Fatal(err, f.Warnings)
			}
			for e := range f.All() {
				if items := e.Items(); e.Sequence() && (len(items) != 1 || items[0].Text(tag.PatientID) != "ID 2") {
					t.Errorf("items = %v; want one with ID 2", items)
				}
			}
			if f.Len() != 2 {
				t.Errorf("%d elements; want 2", f.Len())
			}
		})
	}
}

func TestMemoryIsBounded(t *testing.T) {
	// 64 MB of values of 32 KB: each is short enough to be kept, all of them are not.
	var b strings.Builder
	for i := range 2000 {
		b.WriteString(explicit(tag.New(0x0019, uint16(0x1000+i)), "UN", strings.Repeat("x", 32<<10)))
	}
	s := file(t, uid.ExplicitVRLittleEndian, explicit(tag.Modality, "CS", "CT")+b.String())
	var f *dicom.File
	result := testing.Benchmark(func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			var err error
			if f, err = dicom.Read(strings.NewReader(s), nil); err != nil {
				b.Fatal(err)
			}
		}
	})
	// Old chunks are garbage at once, so what is allocated in all may be the stream once over.
	if f.Len() != 2001 || f.Text(tag.Modality) != "CT" {
		t.Fatalf("%d elements", f.Len())
	}
	t.Logf("%d bytes allocated in all for a stream of %d", result.AllocedBytesPerOp(), len(s))
	last, _ := f.Element(tag.New(0x0019, 0x1000+1999))
	if _, err := last.Bytes(); fault.Of(err) != fault.Unavailable {
		t.Errorf("a value far behind the window: %v; want unavailable", err)
	}
}
