package dose_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"radagora/db"
	"radagora/db/dbtest"
	"radagora/dose"
	"radagora/dose/dosetest"
	"radagora/fault"
)

// propose says what a protocol means, as a proposal.
func (k *desk) propose(by, name, exam string, machines ...string) (dose.NameProposal, error) {
	return k.ProposeName(k.t.Context(), dose.NameProposal{Site: house, Name: name, Source: dose.FromProtocol, Machines: machines, Exam: exam, By: by})
}

// meaning returns what the one examination of a study is, as soon as all is derived.
func (k *desk) meaning(study string) string {
	k.t.Helper()
	k.settle()
	return k.item(study).Exam
}

// undo takes back the latest step of a person.
func (k *desk) undo(by string) error {
	k.t.Helper()
	s, ok, err := k.LastStep(k.t.Context(), house, by)
	check(k.t, err)
	if !ok {
		return fault.Errorf(fault.NotFound, "no step")
	}
	_, err = k.UndoStep(k.t.Context(), house, s.ID, by)
	return err
}

// want fails unless err is of a kind.
func (k *desk) want(err error, kind fault.Kind, what string) {
	k.t.Helper()
	if fault.Of(err) != kind {
		k.t.Errorf("%s: %v; want %v", what, err, kind)
	}
}

// TestProposal: what one person says holds when a second one agrees, and every step can
// be taken back.
func TestProposal(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		k, ctx := newDesk(t, d), t.Context()
		k.receive(dosetest.New("s1", "i1", "10", dosetest.Scan("e1", "1", "10")))
		p, err := k.propose("ada", "Abdomen Routine", "CT_ABDOMEN")
		check(t, err)
		if got := k.meaning("s1"); got != "" {
			t.Errorf("a proposal is used: %q", got)
		}
		k.want(k.AgreeNames(ctx, house, []string{p.ID}, "ada"), fault.Forbidden, "approved by its author")
		_, err = k.propose("ben", "abdomen  ROUTINE", "CT_COLON")
		k.want(err, fault.Conflict, "a second proposal by somebody else")
		check(t, k.AgreeNames(ctx, house, []string{p.ID}, "ben"))
		if got := k.meaning("s1"); got != "CT_ABDOMEN" {
			t.Errorf("approved, but %q", got)
		}
		k.want(k.undo("ada"), fault.Conflict, "undoing an earlier step than the latest")
		check(t, k.undo("ben"))
		waiting, err := k.WaitingNames(ctx, house)
		check(t, err)
		if got := k.meaning("s1"); got != "" || len(waiting) != 1 {
			t.Errorf("undone: %q, %d wait", got, len(waiting))
		}
		check(t, k.RefuseName(ctx, house, p.ID, "ben", "it is the pelvis too"))
		check(t, k.undo("ben"))
		// Another of the same person is in its place, until that is undone.
		second, err := k.propose("ada", "Abdomen Routine", "CT_ABDOMEN_PELVIS")
		check(t, err)
		k.want(k.AgreeNames(ctx, house, []string{p.ID}, "ben"), fault.NotFound, "approving what was replaced")
		check(t, k.undo("ada"))
		check(t, k.AgreeNames(ctx, house, []string{p.ID}, "ben"))
		k.want(k.AgreeNames(ctx, house, []string{second.ID}, "ben"), fault.NotFound, "approving what was withdrawn")
		// What it meant before it means again.
		third, err := k.propose("ben", "Abdomen Routine", "CT_COLON")
		check(t, err)
		check(t, k.AgreeNames(ctx, house, []string{third.ID}, "ada"))
		if got := k.meaning("s1"); got != "CT_COLON" {
			t.Errorf("changed, but %q", got)
		}
		check(t, k.undo("ada"))
		if got := k.meaning("s1"); got != "CT_ABDOMEN" {
			t.Errorf("the change undone, but %q", got)
		}
		steps, err := k.History(ctx, house, "ABDOMEN ROUTINE", dose.FromProtocol)
		check(t, err)
		var got []string
		for _, s := range slices.Backward(steps) {
			got = append(got, strings.TrimSpace(fmt.Sprintf("%s %s: %s > %s %s", s.By, s.Kind, s.FromExam, s.Exam, s.Why)))
		}
		want := []string{
			"ada proposed:  > CT_ABDOMEN", "ben approved:  > CT_ABDOMEN", "ben undone: CT_ABDOMEN >",
			"ben refused:  > CT_ABDOMEN it is the pelvis too", "ben undone: CT_ABDOMEN >",
			"ada proposed:  > CT_ABDOMEN_PELVIS", "ada undone: CT_ABDOMEN_PELVIS >", "ben approved:  > CT_ABDOMEN",
			"ben proposed:  > CT_COLON", "ada approved: CT_ABDOMEN > CT_COLON", "ada undone: CT_COLON > CT_ABDOMEN",
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Error(d)
		}
	})
}

// TestAlone: where one person decides, what they say holds at once, and one step back
// takes all of it.
func TestAlone(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		k, ctx := newDesk(t, d), t.Context()
		k.receive(dosetest.New("s1", "i1", "10", dosetest.Scan("e1", "1", "10")))
		k.want(k.DecideAlone(ctx, dose.Alone{Site: house, Alone: true, By: "ada"}), fault.Invalid, "without a reason")
		check(t, k.DecideAlone(ctx, dose.Alone{Site: house, Alone: true, By: "ada", Why: "one physicist"}))
		_, err := k.propose("ada", "Abdomen Routine", "CT_ABDOMEN")
		check(t, err)
		if got := k.meaning("s1"); got != "CT_ABDOMEN" {
			t.Errorf("alone, but %q", got)
		}
		check(t, k.undo("ada"))
		waiting, err := k.WaitingNames(ctx, house)
		check(t, err)
		if got := k.meaning("s1"); got != "" || len(waiting) != 0 {
			t.Errorf("undone: %q, %d wait", got, len(waiting))
		}
		a, err := k.Alone(ctx, house)
		check(t, err)
		if !a.Alone || a.By != "ada" || a.Why != "one physicist" || a.At == 0 {
			t.Errorf("Alone = %+v", a)
		}
		check(t, k.DecideAlone(ctx, dose.Alone{Site: house, By: "ada", Why: "now we are two"}))
		_, err = k.propose("ada", "Abdomen Routine", "CT_ABDOMEN")
		check(t, err)
		if got := k.meaning("s1"); got != "" {
			t.Errorf("two are asked again, but %q", got)
		}
	})
}

// TestProposalForMachines: a name is mapped on the machines that were meant, and on no
// other that has it too.
func TestProposalForMachines(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		k, ctx := newDesk(t, d), t.Context()
		other := dosetest.New("s2", "i2", "10", dosetest.Scan("e2", "1", "10"))
		other.Serial = "R64-0002"
		k.receive(dosetest.New("s1", "i1", "10", dosetest.Scan("e1", "1", "10")), other)
		machine := k.item("s1").Machine
		p, err := k.propose("ada", "Abdomen Routine", "CT_ABDOMEN", machine)
		check(t, err)
		if _, err = k.propose("ben", "Abdomen Routine", "CT_COLON", k.item("s2").Machine); err != nil {
			t.Errorf("a proposal for another machine: %v", err)
		}
		check(t, k.AgreeNames(ctx, house, []string{p.ID}, "ben"))
		if a, b := k.meaning("s1"), k.meaning("s2"); a != "CT_ABDOMEN" || b != "" {
			t.Errorf("mapped on the one machine: %q, on the other %q", a, b)
		}
		names, err := k.Names(ctx, house, "2026-01-01")
		check(t, err)
		i := slices.IndexFunc(names, func(n dose.NameUse) bool { return n.Source == dose.FromProtocol })
		if d := cmp.Diff([]string{k.item("s2").Machine}, names[i].Open); d != "" || names[i].Modality != "CT" {
			t.Errorf("open on: %s; %s", d, names[i].Modality)
		}
		e, err := k.Evidence(ctx, house, dose.Name{Source: dose.FromProtocol, Text: "ABDOMEN routine"}, "2026-01-01")
		check(t, err)
		if d := cmp.Diff([]dose.NameCount{{Name: dose.Name{Text: "CT_ABDOMEN"}, N: 1}}, e.Exams); d != "" {
			t.Error(d)
		}
	})
}

// noMachine knows no machine but one.
func noMachine(called string) (string, bool) { return "m1", called == "R64-0001" }

// TestImportMappings: a table is tried, taken as a whole, and taken back as a whole.
func TestImportMappings(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		k, ctx := newDesk(t, d), t.Context()
		k.receive(dosetest.New("s1", "i1", "10", dosetest.Scan("e1", "1", "10")))
		read := func(by, table string, dry bool) dose.Import {
			t.Helper()
			r, err := k.ImportMappings(ctx, house, by, strings.NewReader(table), dry, noMachine)
			check(t, err)
			return r
		}
		const bad = "name\tsource\tmachine\texam_code\tindication_code\tknown_by\tvalid_from\n" +
			"A\tprotocol\t\tCT_SOUL\t\t\t\n" +
			"B\tseries\t\tCT_HEAD\t\t\t\n" +
			"\tprotocol\t\tCT_HEAD\t\t\t\n" +
			"C\tprotocol\tunknown\tCT_HEAD\t\t\t\n" +
			"D\tprotocol\t\tCT_HEAD\tSTROKE_ACUTE\t\t\n" +
			"E\tprotocol\t\tCT_HEAD\t\t\t2026-02-30\n" +
			"F\tprotocol\t\tCT_HEAD\n" +
			"G\tprotocol\t\tCT_HEAD\t\t\t\n" +
			"g\tprotocol\t\tCT_CHEST\t\t\t\n" +
			"\xff\tprotocol\t\tCT_CHEST\t\t\t\n"
		r := read("ada", bad, false)
		want := []dose.RowError{{2, dose.RowExam}, {3, dose.RowSource}, {4, dose.RowName}, {5, dose.RowMachine}, {6, dose.RowMeaning}, {7, dose.RowDay}, {8, dose.RowColumns}, {10, dose.RowTwice}, {11, dose.RowText}}
		if d := cmp.Diff(want, r.Errors); d != "" || r.Batch != "" || r.New != 1 {
			t.Errorf("%s; %+v", d, r)
		}
		const good = "name\tsource\tmachine\texam_code\tindication_code\tknown_by\tvalid_from\twhy\r\n" +
			"Abdomen Routine\tprotocol\t\tCT_ABDOMEN\tABSCESS\tassumed\t\tas in the other house\r\n" +
			"Knee\tprotocol\tR64-0001\tCT_TRUNK\t\t\t2026-01-01\t\r\n" +
			"Warm-up\tprotocol\t\t-\t\t\t\t\r\n\r\n"
		if r := read("ada", good, true); len(r.Errors) > 0 || r.New != 3 || r.Batch != "" {
			t.Errorf("dry run = %+v", r)
		}
		r = read("ada", good, false)
		waiting, err := k.WaitingNames(ctx, house)
		check(t, err)
		if len(waiting) != 3 || r.Batch == "" {
			t.Fatalf("%d wait; %+v", len(waiting), r)
		}
		if again := read("ben", good, true); len(again.Errors) != 3 || again.Errors[0].Why != dose.RowWaits {
			t.Errorf("what waits is imported again: %+v", again)
		}
		var ids []string
		for _, p := range waiting {
			ids = append(ids, p.ID)
		}
		check(t, k.AgreeNames(ctx, house, ids, "ben"))
		if got := k.meaning("s1"); got != "CT_ABDOMEN" {
			t.Errorf("imported and approved, but %q", got)
		}
		// What is written is read again as the same.
		all, err := k.Mappings(ctx, house)
		check(t, err)
		var out bytes.Buffer
		check(t, dose.WriteMappings(&out, all, nil, func(id string) string {
			if id == "m1" {
				return "R64-0001"
			}
			return id
		}, func(id string) string { return id }))
		if r := read("ada", out.String(), true); r.Same != 3 || r.New+r.Change+len(r.Errors) > 0 {
			t.Errorf("exported and imported: %+v of\n%s", r, out.String())
		}
		n, err := k.UndoImport(ctx, house, r.Batch, "ada")
		check(t, err)
		if all, err = k.Mappings(ctx, house); err != nil || n != 6 {
			t.Errorf("%d steps undone, %v", n, err)
		}
		for _, m := range all {
			if m.RevokedAt == 0 {
				t.Errorf("%s still means %s", m.Name, m.Exam)
			}
		}
		if got := k.meaning("s1"); got != "" {
			t.Errorf("undone, but %q", got)
		}
		_, err = k.UndoImport(ctx, house, r.Batch, "ada")
		k.want(err, fault.NotFound, "undone twice")
		batches, err := k.Batches(ctx, house)
		check(t, err)
		if len(batches) != 1 || !batches[0].Undone || batches[0].By != "ada" {
			t.Errorf("imports = %+v", batches)
		}
	})
}

// TestUndoStepsOfBefore: a direct decision has its step too, and gives back what it replaced.
func TestUndoStepsOfBefore(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		k, ctx := newDesk(t, d), t.Context()
		k.receive(dosetest.New("s1", "i1", "10", dosetest.Scan("e1", "1", "10")))
		k.approve("Abdomen Routine", "CT_ABDOMEN", "", "")
		m := k.approve("Abdomen Routine", "CT_COLON", "", "")
		check(t, k.Revoke(ctx, house, m.ID, "local"))
		for _, want := range []string{"CT_COLON", "CT_ABDOMEN", ""} {
			check(t, k.undo("local"))
			if got := k.meaning("s1"); got != want {
				t.Errorf("one step back: %q; want %q", got, want)
			}
		}
		k.want(k.undo("local"), fault.NotFound, "nothing left to undo")
	})
}

// FuzzImportMappings: no table breaks the reader, and a dry run changes nothing.
func FuzzImportMappings(f *testing.F) {
	for _, s := range []string{"", "name\tsource\texam_code\nA\tprotocol\tCT_HEAD\n", "\ufeffname\tsource\texam_code\r\n\"A\"\tprotocol\t-\r\n", "name\n\x00", "name\tsource\texam_code\n\t\t"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		r := dose.Import{}
		for _, e := range dose.ReadRows(&r, []byte(s)) {
			if e.Line < 1 || e.Why == "" {
				t.Fatalf("%+v", e)
			}
		}
	})
}
