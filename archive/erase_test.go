package archive_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"radagora/access"
	"radagora/archive"
	"radagora/db"
	"radagora/db/dbtest"
	"radagora/dicom"
	"radagora/dicom/tag"
	"radagora/dicom/uid"
	"radagora/fault"
)

// of returns a person without an issuer.
func of(id string) access.Person { return access.Person{Site: site, ID: archive.Person("", id)} }

// erase erases a person and returns how many records it was.
func (b *bench) erase(p access.Person) (n int) {
	b.t.Helper()
	err := b.db.Write(b.t.Context(), func(tx *db.Tx) (err error) {
		n, err = b.Erase(b.t.Context(), tx, p)
		return err
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return n
}

// removeErased takes the bytes out of the packs.
func (b *bench) removeErased(want int) {
	b.t.Helper()
	if n, err := b.RemoveErased(b.t.Context()); err != nil || n != want {
		b.t.Fatalf("RemoveErased = %d, %v; want %d", n, err, want)
	}
}

// two are instances of two persons, the first with something in quarantine.
func two(b *bench) (first, second thing) {
	b.t.Helper()
	first = thing{study: 1, series: 1, instance: 1, patient: "FIRST-1", name: "ERSTE^ANNA", pixels: 3000}
	second = thing{study: 2, series: 1, instance: 1, patient: "SECOND-2", name: "ZWEITE^BERTA", pixels: 3000}
	b.mustStore(first.arrival(b.t), archive.Added)
	b.mustStore(second.arrival(b.t), archive.Added)
	more := first
	more.series, more.instance = 2, 2
	b.mustStore(more.arrival(b.t), archive.Added)
	changed := first
	changed.pixels = 5000
	b.mustStore(changed.arrival(b.t), archive.Quarantined)
	return first, second
}

func TestErase(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		first, second := two(b)
		refs, kept := b.refs(), b.content(second.sop())
		if n := b.erase(of("NOBODY")); n != 0 {
			t.Errorf("of somebody unknown: %d records", n)
		}
		if n := b.erase(of("FIRST-1")); n != 2+2+1+1 {
			t.Errorf("erased %d records; want 2 instances, 2 series, a study and one set aside", n)
		}
		if _, err := b.Instance(t.Context(), site, first.sop()); fault.Of(err) != fault.NotFound {
			t.Errorf("instance after erasure: %v; want NotFound", err)
		}
		built, err := b.Rebuild(t.Context(), site, "system", nil)
		if err != nil || built.Added != 0 || built.Known != 1 {
			t.Errorf("Rebuild = %+v, %v; want nobody back", built, err)
		}
		b.removeErased(0) // Rebuild did it
		if got := b.refs(); len(got) != 1 || len(refs) != 4 {
			t.Errorf("%d objects of %d in the packs; want that of the other person", len(got), len(refs))
		}
		if !bytes.Equal(b.content(second.sop()), kept) {
			t.Error("the other person's object changed")
		}
		b.check(0)
		b.proven(3)
		if k := b.kinds(); k["archive.study.erased"] != 1 {
			t.Errorf("who follows the journal does not learn of it: %v", k)
		}
		if n := b.erase(of("FIRST-1")); n != 0 {
			t.Errorf("erased again: %d records", n)
		}
		b.mustStore(first.arrival(t), archive.Added) // a new arrival
		b.check(0)
	})
}

// proven expects one erasure of so many objects, all gone, told without the person.
func (b *bench) proven(objects int) {
	b.t.Helper()
	all, err := b.Erasures(b.t.Context(), site)
	if err != nil || len(all) != 1 || all[0].Due != 0 || all[0].Objects != int64(objects) {
		b.t.Fatalf("erasures = %+v, %v; want one of %d objects, none due", all, err, objects)
	}
	list, err := b.Proof(b.t.Context(), all[0].ID, "", 100)
	if err != nil || len(list) != objects || list[0].Removed.IsZero() || list[0].SHA256 == [32]byte{} {
		b.t.Errorf("proof = %+v, %v", list, err)
	}
	kinds := b.kinds()
	if kinds["archive.person.erased"] != 1 || kinds["archive.bytes.removed"] != 1 {
		b.t.Errorf("journal = %v", kinds)
	}
	for _, e := range b.entries() {
		if strings.Contains(e.data+e.subject, "FIRST-1") {
			b.t.Errorf("the journal names the person: %+v", e)
		}
	}
}

func TestEraseOneOfTwoInAStudy(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		told := ""
		b.Erased = func(_ context.Context, _ *db.Tx, _, study string, whole bool) error {
			told = fmt.Sprint(study, " ", whole)
			return nil
		}
		a := thing{study: 1, series: 1, instance: 1, patient: "A", name: "ERSTE^ANNA", modality: "MR"}
		z := thing{study: 1, series: 2, instance: 2, patient: "Z", name: "ZWEITE^BERTA"}
		b.mustStore(a.arrival(t), archive.Added)
		b.mustStore(z.arrival(t), archive.Added)
		if n := b.erase(of("A")); n != 2 {
			t.Errorf("erased %d records; want an instance and its series", n)
		}
		s, err := b.Study(t.Context(), site, uid.Must("1.2.3.1"))
		if err != nil || s.PatientName.Reveal() != "ZWEITE^BERTA" || s.Person.Reveal() != "|Z" || s.PatientsDiffer ||
			s.InstanceCount != 1 || s.SeriesCount != 1 || len(s.Modalities) != 1 || s.Modalities[0] != "CT" {
			t.Errorf("study = %+v, %v", s, err)
		}
		if told != "1.2.3.1 false" {
			t.Errorf("told of %q", told)
		}
		if k := b.kinds(); k["archive.study.erased"] != 1 {
			t.Errorf("who follows the journal does not learn of it: %v", k)
		}
		b.removeErased(1)
		b.check(0)
		a.instance = 9
		b.mustStore(a.arrival(t), archive.Added)
		if s, err := b.Study(t.Context(), site, uid.Must("1.2.3.1")); err != nil || s.Person.Reveal() != "|A" || !s.PatientsDiffer {
			t.Errorf("study after a new arrival = %+v, %v", s, err)
		}
	})
}

func TestEraseInsideAFailingTransaction(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		first, _ := two(b)
		failed := fault.Errorf(fault.Conflict, "something else went wrong")
		err := b.db.Write(t.Context(), func(tx *db.Tx) error {
			if _, err := b.Erase(t.Context(), tx, of("FIRST-1")); err != nil {
				return err
			}
			return failed
		})
		if fault.Of(err) != fault.Conflict {
			t.Fatal(err)
		}
		b.removeErased(0)
		if len(b.content(first.sop())) == 0 {
			t.Error("bytes are gone although nothing was erased")
		}
	})
}

func TestExport(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		two(b)
		kinds := map[string]int{}
		for r, err := range b.Export(t.Context(), of("FIRST-1")) {
			if err != nil {
				t.Fatal(err)
			}
			kinds[r.Kind]++
			if !json.Valid(r.Data) || bytes.Contains(r.Data, []byte("BERTA")) || bytes.Contains(r.Data, []byte("SECOND-2")) {
				t.Errorf("%s %s is no JSON, or of somebody else", r.Kind, r.ID)
			}
			if r.Kind == "instance" && !bytes.Contains(r.Data, []byte(`"00100010":{"vr":"PN","Value":[{"Alphabetic":"ERSTE^ANNA"}]}`)) {
				t.Errorf("instance %s has no header: %.200s", r.ID, r.Data)
			}
		}
		if kinds["study"] != 1 || kinds["series"] != 2 || kinds["instance"] != 2 || kinds["quarantined"] != 1 {
			t.Errorf("exported %v; want a study, 2 series, 2 instances and one set aside", kinds)
		}
	})
}

func TestErasureWasKilled(t *testing.T) {
	if dir := os.Getenv("RADAGORA_TEST_ERASE_DIR"); dir != "" {
		eraseAndDie(t, dir)
		return
	}
	dir := t.TempDir()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestErasureWasKilled$")
	cmd.Env = append(os.Environ(), "RADAGORA_TEST_ERASE_DIR="+dir)
	out, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(err.Error(), "killed") {
		t.Fatalf("the process ended with %v and was not killed:\n%s", err, out)
	}
	if !inFolder(t, dir, "FIRST-1") {
		t.Fatal("the bytes were gone before the process was killed: the test tests nothing")
	}
	b := newBench(t, dbtest.Open(t, "sqlite:"+filepath.Join(dir, "radagora.db")), filepath.Join(dir, "packs"), nil)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- b.Run(ctx) }()
	for due := int64(1); due > 0; {
		all, err := b.Erasures(t.Context(), site)
		if err != nil || len(all) != 1 {
			t.Fatalf("erasures = %+v, %v", all, err)
		}
		due = all[0].Due
	}
	stop()
	if err := <-ended; err != nil {
		t.Errorf("Run: %v", err)
	}
	b.removeErased(0)
	if len(b.refs()) != 1 {
		t.Errorf("%d objects in the packs; want that of the other person", len(b.refs()))
	}
	b.check(0)
	_ = b.blobs.Close()
	if err := b.db.Close(); err != nil {
		t.Fatal(err)
	}
	for _, word := range []string{"FIRST-1", "ERSTE", "erste"} {
		if inFolder(t, dir, word) {
			t.Errorf("%s is still in the folder", word)
		}
	}
	if !inFolder(t, dir, "SECOND-2") {
		t.Error("the other person is not found: the search finds nothing")
	}
}

// eraseAndDie commits an erasure and is killed before any byte is removed.
func eraseAndDie(t *testing.T, dir string) {
	b := newBench(t, dbtest.Open(t, "sqlite:"+filepath.Join(dir, "radagora.db")), filepath.Join(dir, "packs"), nil)
	two(b)
	b.erase(of("FIRST-1"))
	_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
}

// inFolder reports whether a text stands in any file of a folder.
func inFolder(t *testing.T, dir, word string) (found bool) {
	t.Helper()
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		all, err := os.ReadFile(name)
		found = found || bytes.Contains(all, []byte(word))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestStudiesWithinReach(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		facts := &access.Facts{DB: b.db, Journal: b.journal, Now: b.Now}
		for i, id := range []string{"A", "B", "C"} {
			b.mustStore(thing{study: i + 1, series: 1, instance: 1, patient: id, name: id + "^X"}.arrival(t), archive.Added)
		}
		err := b.db.Write(t.Context(), func(tx *db.Tx) error {
			if _, err := facts.Relate(t.Context(), tx, access.Relation{Site: site, User: "r1", Kind: access.Referred, Person: "|A"}); err != nil {
				return err
			}
			if _, err := facts.Relate(t.Context(), tx, access.Relation{Site: site, User: "r1", Kind: access.Granted, Study: "1.2.3.3", Until: b.Now().Add(-1)}); err != nil {
				return err
			}
			_, err := facts.Relate(t.Context(), tx, access.Relation{Site: site, User: "r2", Kind: access.Granted, Study: "1.2.3.2"})
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		list := func(f archive.Filter) string {
			t.Helper()
			all, err := b.Studies(t.Context(), site, f, archive.Cursor{}, 10)
			if err != nil {
				t.Fatal(err)
			}
			var out []string
			for _, s := range all {
				out = append(out, strings.TrimPrefix(s.UID.String(), "1.2.3.")+s.PatientID.Reveal())
			}
			return strings.Join(out, " ")
		}
		for _, c := range []struct {
			why   string
			reach access.Reach
			want  string
		}{
			{"nobody", access.Reach{}, ""},
			{"all", everybody, "3C 2B 1A"},
			{"all, without identity", access.Reach{All: true}, "3 2 1"},
			{"who referred one patient, and whose grant of another ended", access.Reach{Account: "r1", Identity: true}, "1A"},
			{"who was given one study", access.Reach{Account: "r2", Identity: true}, "2B"},
			{"a patient", access.Reach{Own: "|C", Identity: true}, "3C"},
			{"a patient nobody knows", access.Reach{Own: "", Identity: true}, ""},
		} {
			if got := list(archive.Filter{Reach: c.reach}); got != c.want {
				t.Errorf("%s: %q; want %q", c.why, got, c.want)
			}
		}
		if got := list(archive.Filter{Reach: everybody, Persons: []string{"|A", "|B"}}); got != "2B 1A" {
			t.Errorf("of two identifiers: %q", got)
		}
		if _, err := b.Studies(t.Context(), site, archive.Filter{Reach: access.Reach{All: true}, PatientName: "A"}, archive.Cursor{}, 10); fault.Of(err) != fault.Forbidden {
			t.Errorf("searching a name without seeing it: %v; want Forbidden", err)
		}
		b.wish(facts, "|B", access.Restricted)
		b.wish(facts, "|C", access.NoSecondary)
		if got := list(archive.Filter{Reach: everybody}); got != "3C 1A" {
			t.Errorf("with a restricted person: %q", got)
		}
		if got := list(archive.Filter{Reach: access.Reach{Account: "r2"}}); got != "" {
			t.Errorf("restricted, to who was given the study: %q", got)
		}
		b.mustStore(thing{study: 7, series: 1, instance: 1, patient: "B", name: "B^X"}.arrival(t), archive.Added) // still stored
	})
}

// wish notes a wish.
func (b *bench) wish(f *access.Facts, person string, w access.Wish) {
	b.t.Helper()
	if err := b.db.Write(b.t.Context(), func(tx *db.Tx) error {
		return f.Wish(b.t.Context(), tx, access.Person{Site: site, ID: person}, w, true, "asked for it")
	}); err != nil {
		b.t.Fatal(err)
	}
}

func TestPatients(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		for i, p := range []struct{ issuer, id, name, birth string }{
			{"H", "A", "MEIER^ANNA", "19700101"}, {"", "B", "MAIER^ANNA", "19700101"}, {"H", "C", "NEU^EVA", "19800101"},
		} {
			b.mustStore(thing{study: i + 1, series: 1, instance: 1, patient: p.id, name: p.name, set: func(d *dicom.Builder) {
				d.Text(tag.PatientBirthDate, p.birth).Text(tag.IssuerOfPatientID, p.issuer)
			}}.arrival(t), archive.Added)
		}
		days, err := b.BirthDates(t.Context(), site, "", 10)
		if err != nil || fmt.Sprint(days) != "[19700101]" {
			t.Errorf("BirthDates = %v, %v", days, err)
		}
		all, err := b.Patients(t.Context(), site, "19700101")
		if err != nil || len(all) != 2 || all[1].Person != "|B" && all[0].Person != "|B" {
			t.Errorf("Patients = %+v, %v", all, err)
		}
		if named, err := b.PatientsNamed(t.Context(), site, "ma", 10); err != nil || len(named) != 1 || named[0].Person != "|B" {
			t.Errorf("PatientsNamed = %+v, %v", named, err)
		}
		if one, err := b.Patient(t.Context(), site, "H|C"); err != nil || len(one) != 1 || one[0].Name.Reveal() != "NEU^EVA" {
			t.Errorf("Patient = %+v, %v", one, err)
		}
	})
}
