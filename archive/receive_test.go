package archive_test

import (
	"bytes"
	"compress/flate"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"radagora/archive"
	"radagora/db"
	"radagora/db/dbtest"
	"radagora/dicom"
	"radagora/dicom/tag"
	"radagora/dicom/uid"
	"radagora/fault"
)

func TestTheSameAgain(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		x := thing{study: 1, series: 1, instance: 1, pixels: 1000}
		first := b.mustStore(x.arrival(t), archive.Added)
		before := b.content(x.sop())
		again := x.arrival(t)
		again.CallingAE = "OTHER" // other meta information, the same data set
		for _, in := range []archive.Arrival{x.arrival(t), again, part10(x.file(t))} {
			if s := b.mustStore(in, archive.Repeated); s.Instance != first.Instance {
				t.Errorf("Stored = %+v; want instance %s", s, first.Instance)
			}
		}
		if i, err := b.Instance(t.Context(), site, x.sop()); err != nil || i.Repeats != 3 || i.CallingAE != "MODALITY" {
			t.Errorf("instance = %+v, %v; want 3 repeats", i, err)
		}
		if diff := cmp.Diff(map[string]int{"archive.instance.stored": 1}, b.kinds()); diff != "" {
			t.Errorf("journal (-want +got):\n%s", diff)
		}
		if n := len(b.refs()); n != 1 || !bytes.Equal(b.content(x.sop()), before) {
			t.Errorf("%d objects in the packs; want the first alone, unchanged", n)
		}
		b.wantRows(x)
		b.check(0)
	})
}

func TestOtherBytesUnderATakenUID(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		x := thing{study: 1, series: 1, instance: 1, pixels: 1000}
		b.mustStore(x.arrival(t), archive.Added)
		before := b.content(x.sop())
		y := x
		y.pixels = 2000
		z := x
		z.set = func(b *dicom.Builder) { b.Text(tag.StudyInstanceUID, "1.2.3.99") } // even in another study
		for range 2 {                                                               // sent again, it is kept once
			b.mustStore(y.arrival(t), archive.Quarantined)
		}
		b.mustStore(z.arrival(t), archive.Quarantined)
		if !bytes.Equal(b.content(x.sop()), before) {
			t.Error("the first did not stay as it was")
		}
		if _, err := b.Study(t.Context(), site, uid.Must("1.2.3.99")); fault.Of(err) != fault.NotFound {
			t.Errorf("study of the quarantined one: %v; want NotFound", err)
		}
		if diff := cmp.Diff(map[string]int{"archive.instance.stored": 1, "archive.instance.quarantined": 2}, b.kinds()); diff != "" {
			t.Errorf("journal (-want +got):\n%s", diff)
		}
		list, err := b.Quarantined(t.Context(), site, "", 10)
		if err != nil || len(list) != 2 || list[0].Repeats != 1 || list[0].Reason != "other_content" || list[0].SOP != x.sop() {
			t.Errorf("quarantine = %+v, %v", list, err)
		}
		o, err := b.OpenQuarantined(t.Context(), list[0])
		if err != nil {
			t.Fatal(err)
		}
		defer o.Close()
		if got, err := io.ReadAll(o.Reader()); err != nil || !bytes.HasSuffix(got, y.bytes(t)) {
			t.Errorf("quarantined bytes: %d, %v", len(got), err)
		}
		b.wantRows(x)
		b.check(0)
	})
}

// nested returns a data set with sequences within each other.
func nested(depth int) []byte {
	return bytes.Repeat([]byte("\x40\x00\x30\xa7SQ\x00\x00\xff\xff\xff\xff"+"\xfe\xff\x00\xe0\xff\xff\xff\xff"), depth)
}

func mustBytes(b *dicom.Builder) []byte {
	d, err := b.Dataset()
	if err != nil {
		panic(err)
	}
	var out bytes.Buffer
	if err := dicom.Write(&out, d, uid.ExplicitVRLittleEndian); err != nil {
		panic(err)
	}
	return out.Bytes()
}

func TestRefuse(t *testing.T) {
	x := thing{study: 1, series: 1, instance: 1, pixels: 5000}
	without := func(t tag.Tag) func(*dicom.Builder) { return func(b *dicom.Builder) { b.Delete(t) } }
	changed := func(set func(b *dicom.Builder)) []byte { y := x; y.set = set; return mustBytes(y.builder()) }
	whole := x.bytes(t)
	huge := bytes.Clone(whole[:len(whole)-5000])
	binary.LittleEndian.PutUint32(huge[len(huge)-4:], 0xFFFFFFFE)
	other := dimse(uid.Must("1.2.3.4"), whole)
	class := dimse(x.sop(), whole)
	class.SOPClass = uid.MRImageStorage
	unnamed := dimse(uid.UID{}, whole)
	for _, c := range []struct {
		name   string
		in     archive.Arrival
		reason string
		kind   fault.Kind
	}{
		{"not DICOM at all", part10([]byte("LEAK^CANARY is no DICOM object, but long enough to be one")), "not_dicom", fault.Invalid},
		{"nothing", part10(nil), "not_dicom", fault.Invalid},
		{"nothing over an association", dimse(x.sop(), nil), "no_sop_instance_uid", fault.Invalid},
		{"garbage over an association", dimse(x.sop(), bytes.Repeat([]byte{0xA5}, 1000)), "", fault.Invalid},
		{"cut in the pixels", dimse(x.sop(), whole[:len(whole)-100]), "truncated", fault.Invalid},
		{"cut in the header", dimse(x.sop(), whole[:101]), "truncated", fault.Invalid},
		{"4 GB declared, nothing there", dimse(x.sop(), huge), "truncated", fault.Invalid},
		{"sequences without end", dimse(x.sop(), nested(500)), "beyond_bounds", fault.Invalid},
		{"no SOP instance", dimse(x.sop(), changed(without(tag.SOPInstanceUID))), "no_sop_instance_uid", fault.Invalid},
		{"no study", dimse(x.sop(), changed(without(tag.StudyInstanceUID))), "no_study_uid", fault.Invalid},
		{"no series", dimse(x.sop(), changed(without(tag.SeriesInstanceUID))), "no_series_uid", fault.Invalid},
		{"another instance than announced", other, "other_sop_instance", fault.Invalid},
		{"another class than announced", class, "other_sop_class", fault.Invalid},
		{"a command without UIDs", unnamed, "no_command_uids", fault.Invalid},
		{"longer than is allowed", dimse(x.sop(), append(bytes.Clone(whole), make([]byte, 300_000)...)), "too_long", fault.Exhausted},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, dbtest.Open(t, dbtest.SQLite(t)), t.TempDir(), func(c *archive.Config) { c.MaxObject = 100_000 })
			_, err := b.store(t.Context(), c.in)
			if err == nil || fault.Of(err) != c.kind || strings.Contains(err.Error(), "LEAK") {
				t.Errorf("store: %v; want %v", err, c.kind)
			}
			entries := b.entries()
			if len(entries) != 1 || entries[0].kind != "archive.instance.refused" || !strings.Contains(entries[0].data, `"reason":"`+c.reason) ||
				strings.Contains(entries[0].data, "LEAK") {
				t.Errorf("journal = %v; want one refusal: %s", entries, c.reason)
			}
			if n := len(b.refs()); n != 0 {
				t.Errorf("%d objects in the packs; want none", n)
			}
			b.check(0)
		})
	}
}

// TestSenderBreaksOff: that is no fault of the object, and nobody's to note.
func TestSenderBreaksOff(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		x := thing{study: 1, series: 1, instance: 1, pixels: 900_000}
		in := x.arrival(t)
		in.Data = io.MultiReader(bytes.NewReader(x.bytes(t)[:400_000]), broken{})
		if _, err := b.store(t.Context(), in); fault.Of(err) != fault.Unavailable || err == nil {
			t.Errorf("store: %v; want Unavailable", err)
		}
		if len(b.entries()) != 0 || len(b.refs()) != 0 {
			t.Errorf("journal %v, objects %v; want none", b.entries(), b.refs())
		}
	})
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, errors.New("connection reset by peer") }

// TestNoRowNoAcknowledgement: bytes without a row are an orphan, which Rebuild
// takes in.
func TestNoRowNoAcknowledgement(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		packs := t.TempDir()
		down := fault.Errorf(fault.Unavailable, "the journal is away")
		b := newBench(t, d, packs, func(c *archive.Config) { c.Journal = journalDown{down} })
		x := thing{study: 1, series: 1, instance: 1, pixels: 1000}
		if _, err := b.store(t.Context(), x.arrival(t)); !errors.Is(err, down) {
			t.Fatalf("store: %v; want that the journal is away", err)
		}
		if _, err := b.Study(t.Context(), site, uid.Must("1.2.3.1")); fault.Of(err) != fault.NotFound {
			t.Errorf("study: %v; want NotFound", err)
		}
		b.check(1)
		_ = b.blobs.Close()
		b = newBench(t, d, packs, nil)
		if sum, err := b.Rebuild(t.Context(), site, "system", nil); err != nil || sum != (archive.Rebuilt{Added: 1}) {
			t.Errorf("Rebuild = %+v, %v; want one added", sum, err)
		}
		b.wantRowsOf(x.sop())
		b.mustStore(x.arrival(t), archive.Repeated) // the sender tries again
		b.check(0)
	})
}

func (b *bench) wantRowsOf(sop uid.UID) {
	b.t.Helper()
	if _, err := b.Instance(b.t.Context(), site, sop); err != nil {
		b.t.Error(err)
	}
}

func TestDeflated(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		x := thing{study: 1, series: 1, instance: 1, pixels: 200_000}
		var z bytes.Buffer
		w, _ := flate.NewWriter(&z, 6)
		_, _ = w.Write(x.bytes(t))
		_ = w.Close()
		z.WriteString("\x00\x00") // padding behind the stream is kept too
		in := x.arrival(t)
		in.TransferSyntax, in.Data = uid.DeflatedExplicitVRLittleEndian, bytes.NewReader(z.Bytes())
		b.mustStore(in, archive.Added)
		if !bytes.HasSuffix(b.content(x.sop()), z.Bytes()) {
			t.Error("the deflated stream was not kept as it came")
		}
	})
}

func TestOldFileWithoutMetaInformation(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		x := thing{study: 1, series: 1, instance: 1, pixels: 100}
		b.mustStore(part10(x.bytes(t)), archive.Added)
		if !bytes.Equal(b.content(x.sop()), x.bytes(t)) {
			t.Error("the file was not kept as it is")
		}
		b.mustStore(x.arrival(t), archive.Repeated)
	})
}

func TestConcurrentAssociations(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		const associations, each = 6, 15
		var wg sync.WaitGroup
		for g := range associations {
			wg.Go(func() {
				for i := range each {
					// Two associations share a study, all share study 9, and each sends one
					// instance that everybody sends.
					for _, x := range []thing{
						{study: 1 + g/2, series: g, instance: i, pixels: 3000},
						{study: 9, series: i % 3, instance: g*100 + i, pixels: 300_000},
						{study: 10, series: 1, instance: i, pixels: 100},
					} {
						if _, err := b.store(t.Context(), x.arrival(t)); err != nil {
							t.Errorf("store %s: %v", x.sop(), err)
						}
					}
				}
			})
		}
		wg.Wait()
		for _, c := range []struct{ study, series, instances int64 }{
			{1, 2, 2 * each}, {2, 2, 2 * each}, {3, 2, 2 * each}, {9, 3, associations * each}, {10, 1, each},
		} {
			s, err := b.Study(t.Context(), site, uid.Must(fmt.Sprintf("1.2.3.%d", c.study)))
			if err != nil || s.SeriesCount != c.series || s.InstanceCount != c.instances {
				t.Errorf("study %d: %d series, %d instances, %v; want %d and %d", c.study, s.SeriesCount, s.InstanceCount, err, c.series, c.instances)
			}
		}
		if n := b.kinds()["archive.instance.stored"]; n != 2*associations*each+each {
			t.Errorf("%d journal entries; want one for each instance", n)
		}
		if sum := b.check(0); sum.Rows != 2*associations*each+each {
			t.Errorf("check saw %d rows", sum.Rows)
		}
	})
}

// TestOrderDoesNotMatter stores instances that say different things about the
// same study and series in every order of a few.
func TestOrderDoesNotMatter(t *testing.T) {
	all := []thing{
		{study: 1, series: 1, instance: 1, set: func(b *dicom.Builder) { b.Text(tag.StudyDescription, "").Text(tag.PatientSex, "F") }},
		{study: 1, series: 1, instance: 2, set: func(b *dicom.Builder) { b.Text(tag.StudyDescription, "B").Text(tag.StudyTime, "09") }},
		{study: 1, series: 2, instance: 3, modality: "SR", patient: "OTHER", name: "AAA"},
		{study: 1, series: 1, instance: 4, set: func(b *dicom.Builder) { b.Text(tag.PatientID, "").Text(tag.PatientName, "A") }},
		{study: 1, series: 1, instance: 5, modality: "PT", set: func(b *dicom.Builder) { b.Int(tag.SeriesNumber, 0) }},
	}
	type summary struct {
		Study  string
		Series []string
	}
	var want summary
	for n, order := range [][]int{{0, 1, 2, 3, 4}, {4, 3, 2, 1, 0}, {2, 0, 4, 1, 3}, {3, 1, 4, 0, 2}, {1, 2, 3, 4, 0}, {0, 2, 1, 4, 3}} {
		b := newBench(t, dbtest.Open(t, dbtest.SQLite(t)), t.TempDir(), nil)
		for _, i := range order {
			b.mustStore(all[i].arrival(t), archive.Added)
		}
		s, err := b.Study(t.Context(), site, uid.Must("1.2.3.1"))
		if err != nil {
			t.Fatal(err)
		}
		got := summary{Study: fmt.Sprint(s.PatientID.Reveal(), s.PatientName.Reveal(), s.PatientSex.Reveal(), s.PatientsDiffer, s.Date, s.Time,
			s.Description, s.Modalities, s.SeriesCount, s.InstanceCount, s.SizeBytes)}
		list, err := b.SeriesOf(t.Context(), site, uid.Must("1.2.3.1"))
		if err != nil {
			t.Fatal(err)
		}
		for _, x := range list {
			got.Series = append(got.Series, fmt.Sprint(x.UID, x.Modality, *x.Number, x.InstanceCount, x.SizeBytes, x.Manufacturer))
		}
		if n == 0 {
			want = got
			if !s.PatientsDiffer || s.PatientName.Reveal() != "LEAK^CANARY" || s.PatientSex.Reveal() != "F" || s.Description != "B" {
				t.Errorf("study = %s", got.Study)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("order %v (-want +got):\n%s", order, diff)
		}
	}
}

// TestLongTexts: what grows when it is folded must still fit into an index.
func TestLongTexts(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		long := strings.Repeat("\ufdfa", 60) // 18 letters each
		x := thing{study: 1, series: 1, instance: 1, patient: strings.Repeat("9", 64), name: long + "=" + long}
		b.mustStore(x.arrival(t), archive.Added)
		if _, err := b.Study(t.Context(), site, uid.Must("1.2.3.1")); err != nil {
			t.Error(err)
		}
	})
}

func TestIrradiationEvents(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		for i := range 3 {
			x := thing{study: 1, series: 1, instance: i, set: func(b *dicom.Builder) {
				b.UID(tag.IrradiationEventUID, uid.Must("1.2.8"), uid.Must(fmt.Sprintf("1.2.8.%d", i)))
			}}
			b.mustStore(x.arrival(t), archive.Added)
		}
		if all, err := b.OfEvent(t.Context(), site, uid.Must("1.2.8")); err != nil || len(all) != 3 {
			t.Errorf("OfEvent = %v, %v; want 3", all, err)
		}
		if all, err := b.OfEvent(t.Context(), site, uid.Must("1.2.8.1")); err != nil || len(all) != 1 || all[0].SOP != uid.Must("1.2.3.1.1.1") {
			t.Errorf("OfEvent = %v, %v; want instance 1", all, err)
		}
		if all, err := b.OfEvent(t.Context(), "elsewhere", uid.Must("1.2.8")); err != nil || len(all) != 0 {
			t.Errorf("OfEvent at another site = %v, %v; want none", all, err)
		}
		if e := b.entries()[1]; !strings.Contains(e.data, `"irradiation_events":["1.2.8","1.2.8.1"]`) {
			t.Errorf("journal data = %s", e.data)
		}
	})
}

// machines remembers what it was asked.
type machines struct {
	mu   sync.Mutex
	seen []archive.Equipment
}

func (m *machines) Seen(_ context.Context, _ *db.Tx, e archive.Equipment) (string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.seen = append(m.seen, e)
	return "machine-of-" + e.StationName, nil
}

func TestMachines(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		m := &machines{}
		b := newBench(t, d, t.TempDir(), func(c *archive.Config) { c.Machines = m })
		for i := range 3 {
			b.mustStore(thing{study: 1, series: i / 2, instance: i}.arrival(t), archive.Added)
		}
		if len(m.seen) != 2 || m.seen[0] != (archive.Equipment{
			Site: site, CallingAE: "MODALITY", Modality: "CT", Manufacturer: "ACME", StationName: "CT1",
		}) {
			t.Errorf("Seen %+v; want once for each series", m.seen)
		}
		list, err := b.SeriesOf(t.Context(), site, uid.Must("1.2.3.1"))
		if err != nil || len(list) != 2 || list[1].Machine != "machine-of-CT1" {
			t.Errorf("series = %+v, %v", list, err)
		}
		if e := b.entries()[2]; !strings.Contains(e.data, `"machine":"machine-of-CT1"`) {
			t.Errorf("journal data = %s", e.data)
		}
	})
}

func TestSitesAreApart(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		x := thing{study: 1, series: 1, instance: 1}
		b.mustStore(x.arrival(t), archive.Added)
		there := x.arrival(t)
		there.Site = "elsewhere"
		b.mustStore(there, archive.Added)
		if s, err := b.Study(t.Context(), "elsewhere", uid.Must("1.2.3.1")); err != nil || s.InstanceCount != 1 {
			t.Errorf("study = %+v, %v", s, err)
		}
	})
}

// TestWaitLater has one association send the next object before the last one is
// acknowledged.
func TestWaitLater(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		var receipts []*archive.Receipt
		for i := range 10 {
			r, err := b.Receive(t.Context(), thing{study: 1, series: 1, instance: i, pixels: 400_000}.arrival(t))
			if err != nil {
				t.Fatal(err)
			}
			receipts = append(receipts, r)
		}
		if _, err := b.Study(t.Context(), site, uid.Must("1.2.3.1")); fault.Of(err) != fault.NotFound {
			t.Errorf("study before Wait: %v; want NotFound", err)
		}
		for _, r := range receipts {
			if s, err := r.Wait(t.Context()); err != nil || s.Outcome != archive.Added {
				t.Errorf("Wait = %+v, %v", s, err)
			}
		}
		b.check(0)
	})
}

func TestRebuildFromPacksAlone(t *testing.T) {
	dbtest.RunDSN(t, func(t *testing.T, dsn string) {
		packs := t.TempDir()
		b := newBench(t, dbtest.Open(t, dbtest.SQLite(t)), packs, nil)
		for i := range 20 {
			b.mustStore(thing{study: i / 5, series: i / 3, instance: i, pixels: i * 20_000}.arrival(t), archive.Added)
		}
		_ = b.blobs.Close()
		b = newBench(t, dbtest.Open(t, dsn), packs, nil) // an empty database
		for _, want := range []archive.Rebuilt{{Added: 20}, {Known: 20}} {
			if sum, err := b.Rebuild(t.Context(), site, "system", nil); err != nil || sum != want {
				t.Errorf("Rebuild = %+v, %v; want %+v", sum, err, want)
			}
		}
		if s, err := b.Study(t.Context(), site, uid.Must("1.2.3.1")); err != nil || s.InstanceCount != 5 || s.PatientName.Reveal() != "LEAK^CANARY" {
			t.Errorf("study = %+v, %v", s, err)
		}
		b.check(0)
	})
}

func TestCheckFindsWhatIsGone(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		for i := range 3 {
			b.mustStore(thing{study: 1, series: 1, instance: i, pixels: 1000}.arrival(t), archive.Added)
		}
		if err := b.blobs.Remove(t.Context(), b.refs()[1]); err != nil {
			t.Fatal(err)
		}
		var found []archive.Trouble
		sum, err := b.Check(t.Context(), archive.CheckOptions{Rate: 100 << 20, Settle: time.Millisecond, Report: func(x archive.Trouble) error {
			found = append(found, x)
			return nil
		}})
		if err != nil || len(found) != 1 || found[0].Kind != archive.Missing || found[0].SOP != uid.Must("1.2.3.1.1.1") || sum.Rows != 3 || sum.Objects != 2 {
			t.Errorf("Check = %+v, %v, found %+v; want one missing", sum, err, found)
		}
	})
}
