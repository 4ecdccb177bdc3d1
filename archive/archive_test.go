package archive_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"testing"
	"time"

	"radagora/archive"
	"radagora/blob"
	"radagora/blob/disk"
	"radagora/db"
	"radagora/db/dbtest"
	"radagora/dicom"
	"radagora/dicom/tag"
	"radagora/dicom/uid"
	"radagora/dicom/vr"
	"radagora/journal"
)

const site = "default"

// A bench is an archive with everything below it.
type bench struct {
	*archive.Archive
	blobs   *disk.Store
	db      *db.DB
	journal *journal.Journal
	t       testing.TB
}

func newBench(t testing.TB, d *db.DB, packs string, change func(*archive.Config)) *bench {
	t.Helper()
	blobs, err := disk.Open(packs, disk.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = blobs.Close() })
	j, err := journal.Open(t.Context(), d, journal.Options{MasterKey: [32]byte{1}})
	if err != nil {
		t.Fatal(err)
	}
	c := archive.Config{DB: d, Blobs: blobs, Journal: j, Now: time.Now}
	if change != nil {
		change(&c)
	}
	a, err := archive.New(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return &bench{Archive: a, blobs: blobs, db: d, journal: j, t: t}
}

// each runs a test on every engine.
func each(t *testing.T, run func(t *testing.T, b *bench)) {
	t.Helper()
	dbtest.Run(t, func(t *testing.T, d *db.DB) { run(t, newBench(t, d, t.TempDir(), nil)) })
}

// A thing is an instance to be made: its numbers make its UIDs.
type thing struct {
	study, series, instance int
	patient, name           string
	modality                string
	pixels                  int // bytes
	set                     func(b *dicom.Builder)
}

func (x thing) uids() (study, series, sop uid.UID) {
	return uid.Must(fmt.Sprintf("1.2.3.%d", x.study)), uid.Must(fmt.Sprintf("1.2.3.%d.%d", x.study, x.series)),
		uid.Must(fmt.Sprintf("1.2.3.%d.%d.%d", x.study, x.series, x.instance))
}

func (x thing) sop() uid.UID { _, _, u := x.uids(); return u }

// builder returns the data set of x.
func (x thing) builder() *dicom.Builder {
	study, series, sop := x.uids()
	if x.patient == "" {
		x.patient, x.name = "LEAK-4711", "LEAK^CANARY"
	}
	if x.modality == "" {
		x.modality = "CT"
	}
	b := dicom.NewBuilder().
		UID(tag.SOPClassUID, uid.CTImageStorage).UID(tag.SOPInstanceUID, sop).
		UID(tag.StudyInstanceUID, study).UID(tag.SeriesInstanceUID, series).
		Text(tag.PatientName, x.name).Text(tag.PatientID, x.patient).Text(tag.PatientBirthDate, "19700101").
		Text(tag.StudyDate, "20240131").Text(tag.StudyTime, "101500").Text(tag.AccessionNumber, "LEAK-ACC").
		Text(tag.StudyDescription, "Schädel nativ").Text(tag.Modality, x.modality).
		Text(tag.Manufacturer, "ACME").Text(tag.StationName, "CT1").
		Int(tag.SeriesNumber, int64(x.series)).Int(tag.InstanceNumber, int64(x.instance))
	if x.pixels > 0 {
		b.Bytes(tag.PixelData, vr.OW, bytes.Repeat([]byte{byte(x.instance), 7}, x.pixels/2))
	}
	if x.set != nil {
		x.set(b)
	}
	return b
}

// bytes returns the data set of x in explicit VR little endian.
func (x thing) bytes(t testing.TB) []byte {
	t.Helper()
	d, err := x.builder().Dataset()
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := dicom.Write(&b, d, uid.ExplicitVRLittleEndian); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// file returns x as a file.
func (x thing) file(t testing.TB) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := dicom.WriteMeta(&b, dicom.Meta{SOPClass: uid.CTImageStorage, SOPInstance: x.sop(), TransferSyntax: uid.ExplicitVRLittleEndian}); err != nil {
		t.Fatal(err)
	}
	return append(b.Bytes(), x.bytes(t)...)
}

// arrival is x as it comes over an association.
func (x thing) arrival(t testing.TB) archive.Arrival {
	t.Helper()
	return dimse(x.sop(), x.bytes(t))
}

func dimse(sop uid.UID, data []byte) archive.Arrival {
	return archive.Arrival{
		Site: site, Actor: "ae:MODALITY", Door: "dimse", CallingAE: "MODALITY", CalledAE: "ARCHIVE",
		SOPClass: uid.CTImageStorage, SOPInstance: sop, TransferSyntax: uid.ExplicitVRLittleEndian, Data: bytes.NewReader(data),
	}
}

func part10(data []byte) archive.Arrival {
	return archive.Arrival{Site: site, Actor: "system", Door: "import", Part10: true, Data: bytes.NewReader(data)}
}

// store receives and waits.
func (b *bench) store(ctx context.Context, in archive.Arrival) (archive.Stored, error) {
	r, err := b.Receive(ctx, in)
	if err != nil {
		return archive.Stored{}, err
	}
	return r.Wait(ctx)
}

// mustStore expects an outcome.
func (b *bench) mustStore(in archive.Arrival, want archive.Outcome) archive.Stored {
	b.t.Helper()
	s, err := b.store(b.t.Context(), in)
	if err != nil || s.Outcome != want {
		b.t.Fatalf("store: %+v, %v; want %s", s, err, want)
	}
	return s
}

// content returns the bytes of an instance.
func (b *bench) content(sop uid.UID) []byte {
	b.t.Helper()
	o, err := b.Open(b.t.Context(), site, sop)
	if err != nil {
		b.t.Fatal(err)
	}
	defer o.Close()
	all, err := io.ReadAll(o.Reader())
	if err != nil {
		b.t.Fatal(err)
	}
	return all
}

// kinds counts the journal's entries, sealed or not, by kind.
func (b *bench) kinds() map[string]int {
	b.t.Helper()
	n := map[string]int{}
	for _, e := range b.entries() {
		n[e.kind]++
	}
	return n
}

type entry struct{ kind, subject, data, actor string }

func (b *bench) entries() []entry {
	b.t.Helper()
	list, err := db.List(b.t.Context(), b.db, func(r *db.Rows) (e entry, err error) {
		return e, r.Scan(&e.kind, &e.subject, &e.data, &e.actor)
	}, `select kind, subject, data, actor from journal_entry order by id`)
	if err != nil {
		b.t.Fatal(err)
	}
	return list
}

// check expects no trouble but orphans in that number.
func (b *bench) check(orphans int64) archive.Checked {
	b.t.Helper()
	sum, err := b.Check(b.t.Context(), archive.CheckOptions{})
	if err != nil {
		b.t.Fatal(err)
	}
	for kind, n := range sum.Troubles {
		if kind != archive.Orphan || n != orphans {
			b.t.Errorf("check found %d %s", n, kind)
		}
	}
	if sum.Troubles[archive.Orphan] != orphans {
		b.t.Errorf("check found %d orphans; want %d", sum.Troubles[archive.Orphan], orphans)
	}
	return sum
}

func TestReceive(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		x := thing{study: 1, series: 2, instance: 3, pixels: 600_000}
		s := b.mustStore(x.arrival(t), archive.Added)
		study, series, sop := x.uids()
		if s.Study != study || s.Series != series || s.SOP != sop || s.SOPClass != uid.CTImageStorage || s.Instance == "" {
			t.Errorf("Stored = %+v", s)
		}
		got := b.content(sop)
		if !bytes.HasSuffix(got, x.bytes(t)) || string(got[128:132]) != "DICM" {
			t.Error("the file is not preamble, meta information and the data set as it came")
		}
		o, err := b.Open(t.Context(), site, sop)
		if err != nil {
			t.Fatal(err)
		}
		defer o.Close()
		if !bytes.Equal(got[o.DatasetAt():], x.bytes(t)) {
			t.Errorf("DatasetAt = %d of %d", o.DatasetAt(), len(got))
		}
		f, err := o.Read(nil)
		if err != nil || f.Meta.Text(tag.SourceApplicationEntityTitle) != "MODALITY" ||
			f.Meta.UID(tag.ImplementationClassUID) != dicom.ImplementationClassUID || f.UID(tag.SOPInstanceUID) != sop {
			t.Errorf("the file reads as %v, %v", f, err)
		}
		b.wantRows(x)
		var data map[string]any
		entries := b.entries()
		if len(entries) != 1 || entries[0].kind != "archive.instance.stored" || entries[0].subject != sop.String() {
			t.Fatalf("journal = %v", entries)
		}
		if err := json.Unmarshal([]byte(entries[0].data), &data); err != nil || data["study"] != study.String() || data["modality"] != "CT" {
			t.Errorf("journal data = %v, %v", data, err)
		}
		if bytes.Contains([]byte(entries[0].data), []byte("LEAK")) {
			t.Error("the journal's data hold what leads to the patient")
		}
		b.check(0)
	})
}

// wantRows looks at what the index says of the only instance.
func (b *bench) wantRows(x thing) {
	b.t.Helper()
	study, series, sop := x.uids()
	st, err := b.Study(b.t.Context(), site, study)
	if err != nil {
		b.t.Fatal(err)
	}
	size := int64(len(b.content(sop)))
	if st.PatientName.Reveal() != "LEAK^CANARY" || st.Date != "20240131" || st.Description != "Schädel nativ" || len(st.Modalities) != 1 ||
		st.SeriesCount != 1 || st.InstanceCount != 1 || st.SizeBytes != size {
		b.t.Errorf("study = %+v", st)
	}
	ss, err := b.SeriesOf(b.t.Context(), site, study)
	if err != nil || len(ss) != 1 || ss[0].UID != series || ss[0].Modality != "CT" || *ss[0].Number != int64(x.series) || ss[0].InstanceCount != 1 {
		b.t.Errorf("series = %+v, %v", ss, err)
	}
	is, err := b.Instances(b.t.Context(), site, study, series, nil, 10)
	if err != nil || len(is) != 1 || is[0].SOP != sop || is[0].TransferSyntax != uid.ExplicitVRLittleEndian || is[0].Length != size || is[0].CallingAE != "MODALITY" {
		b.t.Errorf("instances = %+v, %v", is, err)
	}
}

// journalDown fails as a database would that is gone.
type journalDown struct{ err error }

func (j journalDown) Append(context.Context, *db.Tx, ...journal.Entry) error { return j.err }

var _ archive.Journal = (*journal.Journal)(nil)

// refs lists what is in the packs.
func (b *bench) refs() []blob.Ref {
	b.t.Helper()
	var all []blob.Ref
	for r, err := range b.blobs.List(b.t.Context()) {
		if err != nil {
			b.t.Fatal(err)
		}
		all = append(all, r)
	}
	return all
}
