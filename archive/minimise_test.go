package archive_test

import (
	"bytes"
	"compress/flate"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"radagora/archive"
	"radagora/blob/disk"
	"radagora/db"
	"radagora/db/dbtest"
	"radagora/dicom"
	"radagora/dicom/tag"
	"radagora/dicom/uid"
	"radagora/dicom/vr"
	"radagora/fault"
	"radagora/journal"
)

// minimised makes a configuration that of a minimised installation.
func minimised(c *archive.Config) {
	c.Minimised = true
	c.Minimise = &archive.Minimiser{Key: [32]byte{7}, Apart: func(id, family string) (string, bool) {
		switch {
		case strings.HasPrefix(strings.ToLower(family), "phantom"):
			return "phantom*", true
		case strings.HasPrefix(strings.ToLower(id), "qa"):
			return "qa*", false
		}
		return "", false
	}}
}

// telling is an instance that says who it is about in many places.
func telling() thing {
	return thing{study: 1, series: 1, instance: 1, patient: "LEAK-4711", name: "LÉAKINGHAM^CANARYNA", pixels: 4000, set: func(b *dicom.Builder) {
		b.Text(tag.IssuerOfPatientID, "HOSPITAL").Text(tag.PatientBirthDate, "19700228").Text(tag.StudyDate, "20240227").
			Text(tag.AccessionNumber, "ACC-778899").Text(tag.OtherPatientIDs, "OTHER-12345").Text(tag.PatientAddress, "Leakstreet 5").
			Text(tag.PatientComments, "mother of a daughter").Text(tag.AdmissionID, "VISIT-99").
			Text(tag.StudyDescription, "CT of Léakingham, canaryna").Text(tag.StudyID, "ACC-778899").
			Text(tag.PerformedProcedureStepDescription, "id LEAK-4711x").Text(tag.ReferringPhysicianName, "REFERRER^RITA").
			Text(tag.SeriesDescription, "leakinghamster is another word").
			Sequence(tag.RequestAttributesSequence, dicom.NewBuilder().Text(tag.AccessionNumber, "ACC-778899").Text(tag.RequestedProcedureID, "RP1").Text(tag.ScheduledProcedureStepID, "SPS LEAK-4711")).
			Sequence(tag.OtherPatientIDsSequence, dicom.NewBuilder().Text(tag.PatientID, "OTHER-67890")).
			TextAs(tag.New(0x0029, 0x0010), vr.LO, "VENDOR").
			Bytes(tag.New(0x0029, 0x1001), vr.OB, []byte("\x01\x02LEAK-4711\x03")).
			Bytes(tag.New(0x0029, 0x1002), vr.OB, []byte("harmless")).
			TextAs(tag.New(0x0029, 0x1003), vr.LO, "of CANARYNA")
	}}
}

// secrets are texts of telling that must stand nowhere.
var secrets = []string{
	"LEAK-4711", "LÉAKINGHAM", "léakingham^", "leakingham^", "CANARYNA", "canaryna", "19700228", "ACC-778899", "OTHER-12345", "OTHER-67890", "Leakstreet", "VISIT-99", "daughter",
	"L\xc9AKINGHAM",
}

func TestMinimisedHeader(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		b := newBench(t, d, t.TempDir(), minimised)
		x := telling()
		b.mustStore(x.arrival(t), archive.Added)
		b.mustStore(x.arrival(t), archive.Repeated) // the same becomes the same
		o, err := b.Open(t.Context(), site, x.sop())
		if err != nil {
			t.Fatal(err)
		}
		defer o.Close()
		f, err := o.Read(nil)
		if err != nil || len(f.Warnings) > 0 {
			t.Fatalf("the object: %v, %v", f.Warnings, err)
		}
		id, name, accession := f.Text(tag.PatientID), f.Text(tag.PatientName), f.Text(tag.AccessionNumber)
		if len(id) != 28 || len(name) != 28 || len(accession) != 16 || !strings.HasPrefix(id+name+accession, "H-") || id == name {
			t.Errorf("hashes: %q %q %q", id, name, accession)
		}
		if archive.Short(id) != id[:8]+"…" || archive.Short("4711") != "4711" {
			t.Errorf("shown as %q", archive.Short(id))
		}
		got := map[string]string{}
		for _, k := range []tag.Tag{
			tag.PatientAge, tag.PatientBirthDate, tag.IssuerOfPatientID, tag.StudyDescription, tag.SeriesDescription, tag.StudyID,
			tag.PerformedProcedureStepDescription, tag.ReferringPhysicianName, tag.OtherPatientIDs, tag.PatientAddress, tag.AdmissionID,
		} {
			got[k.String()] = f.Text(k)
		}
		want := map[string]string{
			tag.PatientAge.String(): "053Y", tag.PatientBirthDate.String(): "", tag.IssuerOfPatientID.String(): "HOSPITAL",
			tag.StudyDescription.String(): "CT of **********, ********", tag.SeriesDescription.String(): "leakinghamster is another word",
			tag.StudyID.String(): "**********", tag.PerformedProcedureStepDescription.String(): "id *********x",
			tag.ReferringPhysicianName.String(): "REFERRER^RITA", tag.OtherPatientIDs.String(): "", tag.PatientAddress.String(): "", tag.AdmissionID.String(): "",
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("attributes (-want +got):\n%s", diff)
		}
		request := f.Item(tag.RequestAttributesSequence)
		if request.Text(tag.AccessionNumber) != accession || request.Text(tag.RequestedProcedureID) != "RP1" || f.Has(tag.New(0x0029, 0x1001)) ||
			!f.Has(tag.New(0x0029, 0x1002)) || f.Text(tag.New(0x0029, 0x1003)) != "of ********" {
			t.Error("nested or private attributes are not as they should be")
		}
		pixels, _ := f.Element(tag.PixelData)
		if raw, err := pixels.Bytes(); err != nil || !bytes.Equal(raw, bytes.Repeat([]byte{1, 7}, 2000)) {
			t.Errorf("pixels: %d bytes, %v", len(raw), err)
		}
		if f.UID(tag.SOPInstanceUID) != x.sop() || !f.Has(tag.RequestAttributesSequence) {
			t.Error("UIDs did not stay")
		}
		b.samePerson(t, x)
		b.check(0)
	})
}

// samePerson expects that another study of the patient, as a file without an issuer
// and with the name in other letters, is the same person's.
func (b *bench) samePerson(t *testing.T, x thing) {
	t.Helper()
	y := x
	y.study, y.name = 2, "leakingham^canaryna"
	b.mustStore(part10(y.file(t)), archive.Added)
	found, err := b.Studies(t.Context(), site, archive.Filter{Reach: everybody, PatientID: "LEAK-4711"}, archive.Cursor{}, 10)
	if err != nil || len(found) != 2 || found[0].Person != found[1].Person || found[0].PatientName != found[1].PatientName {
		t.Errorf("studies of the ID: %d, %v; want both, of one person", len(found), err)
	}
	if found, err = b.Studies(t.Context(), site, archive.Filter{Reach: everybody, AccessionNumber: "ACC-778899", PatientName: "Léakingham^Canaryna"}, archive.Cursor{}, 10); err != nil || len(found) != 2 {
		t.Errorf("studies of accession number and name: %d, %v", len(found), err)
	}
}

func TestNothingIsLeftOfAnIdentity(t *testing.T) {
	dir := t.TempDir()
	d := dbtest.Open(t, "sqlite:"+filepath.Join(dir, "radagora.db"))
	b := newBench(t, d, filepath.Join(dir, "packs"), minimised)
	x := telling()
	latin := x
	latin.study, latin.set = 5, func(b *dicom.Builder) { telling().set(b); b.Text(tag.SpecificCharacterSet, "ISO_IR 100") }
	changed := x
	changed.pixels = 6000
	b.mustStore(x.arrival(t), archive.Added)
	b.mustStore(part10(latin.file(t)), archive.Added)
	b.mustStore(changed.arrival(t), archive.Quarantined)
	b.mustStore(x.arrival(t), archive.Repeated)
	if _, err := b.store(t.Context(), part10(x.file(t)[:900])); fault.Of(err) != fault.Invalid {
		t.Errorf("half a file: %v; want Invalid", err)
	}
	for _, open := range []bool{true, false} { // with its write-ahead log, and without
		for _, s := range secrets {
			if inFolder(t, dir, s) {
				t.Errorf("%q stands in the data folder, database open: %v", s, open)
			}
		}
		if !inFolder(t, dir, "HOSPITAL") {
			t.Error("the search finds nothing at all")
		}
		_ = b.blobs.Close()
		_ = d.Close()
	}
}

func TestMinimisedEncodings(t *testing.T) {
	x := telling()
	explicit := x.bytes(t)
	f, err := dicom.ReadDataset(bytes.NewReader(explicit), uid.ExplicitVRLittleEndian, nil)
	if err != nil {
		t.Fatal(err)
	}
	in := func(syntax uid.UID) []byte {
		var out bytes.Buffer
		if err := dicom.Write(&out, f.Dataset, syntax); err != nil {
			t.Fatal(err)
		}
		return out.Bytes()
	}
	long := x
	long.set = func(b *dicom.Builder) {
		telling().set(b)
		b.Delete(tag.PixelData)
	}
	header := long.bytes(t)
	jpeg := append(bytes.Clone(header), "\xe0\x7f\x10\x00OB\x00\x00\xff\xff\xff\xff\xfe\xff\x00\xe0\x00\x00\x00\x00\xfe\xff\x00\xe0\x04\x00\x00\x00\xff\xd8\xff\xd9\xfe\xff\xdd\xe0\x00\x00\x00\x00"+
		"\xfa\xff\xfa\xffSQ\x00\x00\x00\x00\x00\x00\xfc\xff\xfc\xffOB\x00\x00\x0a\x00\x00\x00LEAK-4711 "...)
	var deflated bytes.Buffer
	z, _ := flate.NewWriter(&deflated, 5)
	_, _ = z.Write(explicit)
	_ = z.Close()
	for _, c := range []struct {
		name   string
		syntax uid.UID
		data   []byte
		kept   uid.UID
		pixels bool
	}{
		{"explicit little endian", uid.ExplicitVRLittleEndian, explicit, uid.ExplicitVRLittleEndian, true},
		{"implicit", uid.ImplicitVRLittleEndian, in(uid.ImplicitVRLittleEndian), uid.ImplicitVRLittleEndian, true},
		{"big endian", uid.ExplicitVRBigEndian, in(uid.ExplicitVRBigEndian), uid.ExplicitVRBigEndian, true},
		{"deflated", uid.DeflatedExplicitVRLittleEndian, deflated.Bytes(), uid.ExplicitVRLittleEndian, true},
		{"fragments, and something behind them", uid.JPEGBaseline8Bit, jpeg, uid.JPEGBaseline8Bit, true},
		{"without pixels", uid.ExplicitVRLittleEndian, header, uid.ExplicitVRLittleEndian, false},
		{"an implicit value of more than 64 KB", uid.ImplicitVRLittleEndian, append(in(uid.ImplicitVRLittleEndian)[:0:0], implicitLong(t, header)...), uid.ImplicitVRLittleEndian, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, dbtest.Open(t, dbtest.SQLite(t)), t.TempDir(), minimised)
			a := dimse(x.sop(), c.data)
			a.TransferSyntax = c.syntax
			a.Data = io.MultiReader(bytes.NewReader(c.data[:len(c.data)/2]), bytes.NewReader(c.data[len(c.data)/2:]))
			b.mustStore(a, archive.Added)
			i, err := b.Instance(t.Context(), site, x.sop())
			if err != nil || i.TransferSyntax != c.kept {
				t.Fatalf("instance %+v, %v", i.TransferSyntax, err)
			}
			all := b.content(x.sop())
			for _, s := range secrets {
				if bytes.Contains(all, []byte(s)) {
					t.Errorf("%q is in the object", s)
				}
			}
			o, err := b.Open(t.Context(), site, x.sop())
			if err != nil {
				t.Fatal(err)
			}
			defer o.Close()
			f, err := o.Read(nil)
			if err != nil || f.Has(tag.PixelData) != c.pixels || f.Text(tag.PatientAge) != "053Y" {
				t.Errorf("the object reads with %v, pixels %v, age %q", err, f.Has(tag.PixelData), f.Text(tag.PatientAge))
			}
		})
	}
}

// implicitLong returns a header in implicit VR with a decimal string of 70,000 bytes.
func implicitLong(t *testing.T, header []byte) []byte {
	t.Helper()
	f, err := dicom.ReadDataset(bytes.NewReader(header), uid.ExplicitVRLittleEndian, nil)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := dicom.Write(&out, f.Dataset, uid.ImplicitVRLittleEndian); err != nil {
		t.Fatal(err)
	}
	out.WriteString("\x06\x30\x50\x00") // Contour Data
	out.Write([]byte{0x70, 0x11, 0x01, 0x00})
	out.Write(bytes.Repeat([]byte(`1.25\`), 14000))
	return out.Bytes()
}

func TestMinimisedRefuses(t *testing.T) {
	b := newBench(t, dbtest.Open(t, dbtest.SQLite(t)), t.TempDir(), func(c *archive.Config) { minimised(c); c.Minimise.Header = 8 << 10 })
	burned := thing{study: 1, series: 1, instance: 1, set: func(b *dicom.Builder) { b.Text(tag.BurnedInAnnotation, "YES") }}
	document := thing{study: 1, series: 1, instance: 2, set: func(b *dicom.Builder) { b.Text(tag.SOPClassUID, "1.2.840.10008.5.1.4.1.1.104.1") }}
	pdf := document.arrival(t)
	pdf.SOPClass = uid.Must("1.2.840.10008.5.1.4.1.1.104.1")
	long := thing{study: 1, series: 1, instance: 3, set: func(b *dicom.Builder) {
		b.Bytes(tag.New(0x0029, 0x1001), vr.OB, make([]byte, 20<<10)).TextAs(tag.New(0x0029, 0x0010), vr.LO, "V")
	}}
	for _, c := range []struct {
		why, reason string
		in          archive.Arrival
	}{
		{"burned-in annotation", "identity_in_content", burned.arrival(t)},
		{"a document", "identity_in_content", pdf},
		{"a header that does not fit", "beyond_bounds", long.arrival(t)},
		{"nothing at all", "not_dicom", part10([]byte("this is no DICOM object at all, only a text"))},
	} {
		if _, err := b.store(t.Context(), c.in); fault.Of(err) != fault.Invalid {
			t.Errorf("%s: %v; want Invalid", c.why, err)
		}
		all := b.entries()
		if last := all[len(all)-1]; last.kind != "archive.instance.refused" || !strings.Contains(last.data, c.reason) {
			t.Errorf("%s: journal %+v", c.why, last)
		}
	}
	failing := burned.arrival(t)
	failing.Data = io.MultiReader(bytes.NewReader(burned.bytes(t)[:100]), reset{})
	if _, err := b.store(t.Context(), failing); fault.Of(err) != fault.Unavailable {
		t.Errorf("a sender that breaks off: %v; want Unavailable", err)
	}
	if n := len(b.refs()); n != 0 {
		t.Errorf("%d objects were kept", n)
	}
}

type reset struct{}

func (reset) Read([]byte) (int, error) { return 0, fmt.Errorf("connection reset") }

func TestPhantomsStayPhantoms(t *testing.T) {
	b := newBench(t, dbtest.Open(t, dbtest.SQLite(t)), t.TempDir(), minimised)
	for i, c := range []struct{ id, name, wantID, wantName string }{
		{"P1", "PHANTOMAS^X", "H-", "phantom"}, {"QA-2026", "WATER^CT", "qaH-", "H-"}, {"77", "PATIENT^A", "H-", "H-"},
	} {
		x := thing{study: i + 1, series: 1, instance: 1, patient: c.id, name: c.name}
		b.mustStore(x.arrival(t), archive.Added)
		s, err := b.Study(t.Context(), site, uid.Must(fmt.Sprintf("1.2.3.%d", i+1)))
		if err != nil || !strings.HasPrefix(s.PatientID.Reveal(), c.wantID) || !strings.HasPrefix(s.PatientName.Reveal(), c.wantName) {
			t.Errorf("%s: %q %q, %v", c.name, s.PatientID.Reveal(), s.PatientName.Reveal(), err)
		}
	}
}

func TestTheModeIsDecidedOnce(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		blobs, err := disk.Open(t.TempDir(), disk.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer blobs.Close()
		j, err := journal.Open(t.Context(), d, journal.Options{MasterKey: [32]byte{1}})
		if err != nil {
			t.Fatal(err)
		}
		open := func(minimise bool, key byte) (bool, error) {
			c := archive.Config{DB: d, Blobs: blobs, Journal: j, Now: time.Now, Minimised: minimise, Minimise: &archive.Minimiser{Key: [32]byte{key}}}
			a, err := archive.New(t.Context(), c)
			return err == nil && a.Minimised && a.Minimise != nil, err
		}
		for _, c := range []struct {
			why      string
			minimise bool
			key      byte
			want     bool
			kind     fault.Kind
		}{
			{"the first start decides", true, 1, true, 0},
			{"the next may leave it out", false, 1, true, 0},
			{"or say the same", true, 1, true, 0},
			{"another key makes other hashes", true, 2, false, fault.Conflict},
		} {
			is, err := open(c.minimise, c.key)
			if is != c.want || (err == nil) != c.want || err != nil && fault.Of(err) != c.kind {
				t.Errorf("%s: %v, %v", c.why, is, err)
			}
		}
		if err := d.Write(t.Context(), func(tx *db.Tx) error {
			_, err := tx.Exec(t.Context(), `update archive_mode set minimised = $1, proof = ''`, false)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		if is, err := open(false, 1); is || err != nil {
			t.Errorf("an installation that keeps identities: %v, %v", is, err)
		}
		if _, err := open(true, 1); fault.Of(err) != fault.Conflict || !strings.Contains(err.Error(), "empty data folder") {
			t.Errorf("changing it later: %v; want Conflict with the way out", err)
		}
	})
}
