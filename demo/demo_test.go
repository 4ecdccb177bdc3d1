package demo_test

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"radagora/content"
	"radagora/demo"
	"radagora/dicom"
	"radagora/dicom/tag"
	"radagora/dicom/uid"
	"radagora/dose"
	"radagora/fault"
)

// open returns the embedded content with sources over it.
func open(t testing.TB, sources ...content.Source) *content.Library {
	t.Helper()
	library, err := content.Open(sources...)
	if err != nil {
		t.Fatal(err)
	}
	return library
}

// small returns a small year.
func small(t testing.TB, seed uint64) *demo.Year {
	return &demo.Year{Content: open(t), Seed: seed, Until: until, Size: demo.Small}
}

// digest returns the digest of all objects of a year and how many there are.
func digest(t *testing.T, y *demo.Year) (string, int) {
	t.Helper()
	h, n := sha256.New(), 0
	for o, err := range y.Objects(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		n++
		fmt.Fprintln(h, o.SOPInstance, o.AETitle, o.At, len(o.Data))
		h.Write(o.Data)
	}
	return fmt.Sprintf("%x", h.Sum(nil)), n
}

func TestTheSameAgain(t *testing.T) {
	first, n := digest(t, small(t, 7))
	again, _ := digest(t, small(t, 7))
	if first != again {
		t.Error("the same seed and day made other bytes")
	}
	if other, _ := digest(t, small(t, 8)); other == first {
		t.Error("another seed made the same bytes")
	}
	counted, err := small(t, 7).Count(t.Context())
	if err != nil || counted != n {
		t.Errorf("Count = %d, %v; there are %d", counted, err, n)
	}
	later := small(t, 7)
	later.Until = until.Add(5 * time.Hour)
	if other, _ := digest(t, later); other != first {
		t.Error("the hour of Until made a difference; only the day should")
	}
}

func TestVolumes(t *testing.T) {
	library := open(t)
	for _, c := range []struct {
		size     demo.Size
		from, to int
	}{{demo.Small, 650, 850}, {demo.Full, 20000, 21500}, {"", 20000, 21500}} {
		y := &demo.Year{Content: library, Seed: demo.Seed, Until: until, Size: c.size}
		if n, err := y.Count(t.Context()); err != nil || n < c.from || n > c.to {
			t.Errorf("%q: %d objects, %v; want %d to %d", c.size, n, err, c.from, c.to)
		}
	}
}

// kinds is what each room sends.
var kinds = map[string]dose.Kind{
	"CT 1": dose.CT, "CT 2": dose.CT, "Mammography": dose.Mammography,
	"Angiography": dose.Projection, "Radiography 1": dose.Projection, "Radiography 2": dose.Projection,
	"Fluoroscopy": dose.Projection, "Dental": dose.Projection, "PET-CT": dose.Nuclear, "Gamma camera": dose.Nuclear,
}

// TestReports reads every report of the small year as the program will.
func TestReports(t *testing.T) {
	var before time.Time
	seen, rooms := map[uid.UID][]byte{}, map[string]int{}
	for o, err := range small(t, demo.Seed).Objects(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		if o.At.Before(before) || o.At.After(until.AddDate(0, 0, 1)) || o.At.Before(until.AddDate(-1, 0, 1)) {
			t.Errorf("%s: sent at %v, after one of %v", o.SOPInstance, o.At, before)
		}
		before = o.At
		if data, again := seen[o.SOPInstance]; again && !bytes.Equal(data, o.Data) {
			t.Errorf("%s: sent again with other bytes", o.SOPInstance)
		}
		seen[o.SOPInstance] = o.Data
		rooms[o.Room]++
		readable(t, o)
	}
	for room := range kinds {
		if rooms[room] == 0 {
			t.Errorf("%s sent nothing", room)
		}
	}
}

// readable checks that an object is what it says, without anything to warn of.
func readable(t *testing.T, o demo.Object) {
	t.Helper()
	f, err := dicom.ReadDataset(bytes.NewReader(o.Data), o.TransferSyntax, nil)
	if err != nil || len(f.Warnings) > 0 {
		t.Fatalf("%s: %v, %v", o.SOPInstance, err, f.Warnings)
	}
	if f.UID(tag.SOPInstanceUID) != o.SOPInstance || f.UID(tag.SOPClassUID) != o.SOPClass || f.UID(tag.StudyInstanceUID) != o.Study {
		t.Errorf("%s: the data set names other UIDs", o.SOPInstance)
	}
	family, _, _ := strings.Cut(f.Text(tag.PatientName), "^")
	if id := f.Text(tag.PatientID); family != "DEMO" && family != "PHANTOM" || !strings.HasPrefix(id, family+"-") {
		t.Errorf("%s: the person is not obviously made up", o.SOPInstance)
	}
	r, err := dose.Read(f.Dataset)
	if err != nil {
		t.Fatalf("%s of %s: %v", o.SOPInstance, o.Room, err)
	}
	for _, w := range r.Warnings {
		t.Errorf("%s of %s: %s %s", o.SOPInstance, o.Room, w.Path, w.Message())
	}
	hybrid := o.Room == "PET-CT" && r.Kind == dose.CT
	if r.Kind != kinds[o.Room] && !hybrid || len(r.Events) == 0 {
		t.Errorf("%s of %s: %s with %d events", o.SOPInstance, o.Room, r.Kind, len(r.Events))
	}
}

// TestAgainstValidator lets dciodvfy (dicom3tools) look at a report of each room.
func TestAgainstValidator(t *testing.T) {
	tool, err := exec.LookPath("dciodvfy")
	if err != nil {
		t.Skip("dciodvfy is not installed")
	}
	done := map[string]bool{}
	for o, err := range small(t, demo.Seed).Objects(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		if done[o.Room] {
			continue
		}
		done[o.Room] = true
		var file bytes.Buffer
		meta := dicom.Meta{SOPClass: o.SOPClass, SOPInstance: o.SOPInstance, TransferSyntax: o.TransferSyntax}
		if err := dicom.WriteMeta(&file, meta); err != nil {
			t.Fatal(err)
		}
		name := filepath.Join(t.TempDir(), "report.dcm")
		if err := os.WriteFile(name, append(file.Bytes(), o.Data...), 0o600); err != nil {
			t.Fatal(err)
		}
		said, err := exec.CommandContext(t.Context(), tool, name).CombinedOutput()
		if err != nil || bytes.Contains(said, []byte("Error")) {
			t.Errorf("%s: %v\n%s", o.Room, err, said)
		}
	}
}

func TestWhatCannotBe(t *testing.T) {
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	broken := func(file, data string) *content.Library {
		fsys := fstest.MapFS{}
		for _, f := range []string{
			"set.yaml", "acquisitions.tsv", "ages.tsv", "bodies.tsv", "breasts.tsv", "days.tsv", "gaps.tsv", "holidays.tsv",
			"hours.tsv", "dose_checks.tsv", "administrations.tsv", "interventions.tsv", "numbers.tsv", "procedures.tsv", "rooms.tsv", "views.tsv", "volumes.tsv", "words.tsv",
			"steps.tsv", "logs.tsv", "rejects.tsv", "screens.tsv",
		} {
			raw, err := os.ReadFile(filepath.Join("..", "content", "demo", "department", f))
			if err != nil {
				t.Fatal(err)
			}
			if f == file {
				raw = []byte(data)
			}
			if data != "" || f != file {
				fsys["demo/department/"+f] = &fstest.MapFile{Data: raw}
			}
		}
		return open(t, content.Source{Origin: content.Installation, FS: fsys})
	}
	for _, c := range []struct {
		name string
		ctx  context.Context //nolint:containedctx // one of the cases
		year demo.Year
		want fault.Kind
	}{
		{"no content", nil, demo.Year{Until: until}, fault.Invalid},
		{"no last day", nil, demo.Year{Content: open(t)}, fault.Invalid},
		{"a size nobody knows", nil, demo.Year{Content: open(t), Until: until, Size: "huge"}, fault.Invalid},
		{"a cancelled context", cancelled, *small(t, 1), fault.Unavailable},
		{"a table is missing", nil, demo.Year{Content: broken("words.tsv", ""), Until: until}, fault.NotFound},
		{"no words for names", nil, demo.Year{Content: broken("words.tsv", "word\n"), Until: until}, fault.Invalid},
		{"a procedure nobody knows", nil, demo.Year{Content: broken("volumes.tsv",
			"room\tprocedure\tfull\tsmall\tdose_start\tdose_end\tphantom\tstory\tnote\nct1\tX\t1\t1\t1\t1\t\t\t\n"), Until: until}, fault.Invalid},
		{"no such column", nil, demo.Year{Content: broken("words.tsv", "wort\nALPHA\n"), Until: until}, fault.Invalid},
		{"patients of no age", nil, demo.Year{Content: broken("ages.tsv", "patients\tfrom_year\tto_year\tweight\nadult\t19\t90\t1\n"), Until: until}, fault.Invalid},
		{"a room that never works", nil, demo.Year{Content: broken("hours.tsv", "profile\thour\tweight\nacute\t8\t1\n"), Until: until}, fault.Invalid},
	} {
		t.Run(c.name, func(t *testing.T) {
			var last error
			for _, err := range c.year.Objects(cmp.Or(c.ctx, t.Context())) {
				last = err
			}
			if last == nil || fault.Of(last) != c.want {
				t.Errorf("Objects ended with %v; want kind %v", last, c.want)
			}
			if _, err := c.year.Count(cmp.Or(c.ctx, t.Context())); fault.Of(err) != c.want {
				t.Errorf("Count: %v; want kind %v", err, c.want)
			}
		})
	}
	_, err := small(t, 1).Count(cancelled)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("the error of the context is lost: %v", err)
	}
}

func TestDecided(t *testing.T) {
	d, err := demo.Decided(open(t))
	if err != nil || len(d.Rooms) != 10 || len(d.Mappings) == 0 || len(d.Governing) != 2 {
		t.Fatalf("%d rooms, %d mappings, %d sets, %v", len(d.Rooms), len(d.Mappings), len(d.Governing), err)
	}
	ae := map[string]bool{}
	for o, err := range small(t, 1).Objects(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		ae[o.AETitle] = true
	}
	for _, r := range d.Rooms {
		if !ae[r.AETitle] || r.Serial == "" || len(r.AETitle) > 16 {
			t.Errorf("room %s: AE title %s, serial number %q", r.Name, r.AETitle, r.Serial)
		}
	}
}

// BenchmarkYear makes the full year.
func BenchmarkYear(b *testing.B) {
	y := demo.Year{Content: open(b), Seed: demo.Seed, Until: until}
	for b.Loop() {
		for o, err := range y.Objects(b.Context()) {
			if err != nil {
				b.Fatal(err)
			}
			if len(o.Data) == 0 {
				b.Fatal("no data")
			}
		}
	}
}

// A year is read by a loop; the first report of the made-up department comes from
// the first room that works.
func ExampleYear() {
	library, err := content.Open()
	if err != nil {
		fmt.Println(err)
		return
	}
	y := demo.Year{Content: library, Seed: demo.Seed, Until: time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC), Size: demo.Small}
	for o, err := range y.Objects(context.Background()) {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(o.AETitle, uid.Name(o.SOPClass), uid.Name(o.TransferSyntax))
		break
	}
	// Output: DEMO_CT1 X-Ray Radiation Dose SR Storage Explicit VR Little Endian
}
