package dose_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"radagora/db"
	"radagora/db/dbtest"
	"radagora/dose"
	"radagora/dose/dosetest"
	"radagora/fault"
)

// TestMapping: approving says what examinations are, revoking takes it back.
func TestMapping(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		k := newDesk(t, d)
		other := dosetest.Scan("e2", "1", "20")
		other.Protocol = "Chest Routine"
		k.receive(
			dosetest.New("s1", "i1", "10", dosetest.Scan("e1", "1", "10")),
			dosetest.New("s2", "i2", "20", other),
			dosetest.New("s3", "i3", "30", named("e3", "Knee"), named("e4", "Foot")),
		)
		before := k.rows(house)
		exams := func() map[string]string {
			all := map[string]string{}
			for i := range k.overview("2026-01-01", "2026-12-31").All() {
				all[i.Name] = i.Exam + " " + i.Indication + " " + string(i.KnownBy)
			}
			return all
		}
		// Two protocols that mean two examinations divide a study, until they do not.
		knee, foot := k.approve("Knee", "CT_TRUNK", "", ""), k.approve("Foot", "CT_COLON", "", "")
		s, err := k.Study(t.Context(), house, dosetest.UID("s3").String())
		check(t, err)
		if len(s.Items) != 2 || s.Items[0].Exam != "CT_TRUNK" || s.Items[1].Exam != "CT_COLON" {
			t.Errorf("examinations = %+v; want two", s.Items)
		}
		check(t, k.Revoke(t.Context(), house, knee.ID, "local"))
		check(t, k.Revoke(t.Context(), house, foot.ID, "local"))
		k.settle()
		if d := cmp.Diff(before, k.rows(house)); d != "" {
			t.Errorf("revoking does not restore: %s", d)
		}
		m := k.approve("  ABDOMEN   routine ", "CT_ABDOMEN", "COLIC_ABDOMINAL_PAIN", dose.KnownByProtocol)
		want := map[string]string{"Abdomen Routine": "CT_ABDOMEN COLIC_ABDOMINAL_PAIN protocol", "Chest Routine": "  ", "Foot": "  "}
		if d := cmp.Diff(want, exams()); d != "" {
			t.Error(d)
		}
		check(t, k.Revoke(t.Context(), house, m.ID, "local"))
		k.settle()
		if d := cmp.Diff(before, k.rows(house)); d != "" {
			t.Errorf("revoking does not restore: %s", d)
		}
		if err := k.Revoke(t.Context(), house, m.ID, "local"); fault.Of(err) != fault.NotFound {
			t.Errorf("revoked twice: %v; want NotFound", err)
		}
		// What people find is no patient's is in no list any more.
		k.approve("Abdomen Routine", dose.NotAnExamination, "", "")
		for i := range k.overview("2026-01-01", "2026-12-31").All() {
			if i.Name == "Abdomen Routine" && i.Excluded != dose.ExcludedNotPatient {
				t.Errorf("excluded = %q; want not a patient", i.Excluded)
			}
		}
		// The newer of two for the same name and day holds alone.
		k.approve("Abdomen Routine", "CT_COLON", "", "")
		all, err := k.Mappings(t.Context(), house)
		check(t, err)
		var holding []string
		for _, x := range all {
			if x.RevokedAt == 0 {
				holding = append(holding, x.Exam)
			}
		}
		if d := cmp.Diff([]string{"CT_COLON"}, holding); d != "" || len(all) != 5 {
			t.Errorf("%d mappings; those that hold: %s", len(all), d)
		}
	})
}

// named returns a scan by a protocol.
func named(name, protocol string) dosetest.Event {
	e := dosetest.Scan(name, "1", "15")
	e.Protocol = protocol
	return e
}

// TestMappingFor: a mapping holds from its day on, and one for a machine goes
// before one for all.
func TestMappingFor(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		k := newDesk(t, d)
		k.receive(dosetest.New("old", "old", "10", dosetest.Scan("e1", "1", "10")))
		young := dosetest.New("young", "young", "10", dosetest.Scan("e2", "1", "10"))
		young.StudyDate = "20260702"
		elsewhere := dosetest.New("elsewhere", "elsewhere", "10", dosetest.Scan("e3", "1", "10"))
		elsewhere.StudyDate, elsewhere.Serial = "20260702", "R64-0002"
		k.receive(young, elsewhere)
		machine := k.item("elsewhere").Machine
		if machine == "" || machine == k.item("young").Machine {
			t.Fatal("two serial numbers are not two machines")
		}
		for _, m := range []dose.Mapping{
			{Exam: "CT_ABDOMEN", ValidFrom: "2026-07-01"},
			{Exam: "CT_COLON", Machine: machine},
		} {
			m.Site, m.Name, m.Source, m.ApprovedBy = house, "Abdomen Routine", dose.FromProtocol, "local"
			_, err := k.Approve(t.Context(), m)
			check(t, err)
		}
		k.settle()
		for study, want := range map[string]string{"old": "", "young": "CT_ABDOMEN", "elsewhere": "CT_COLON"} {
			if got := k.item(study).Exam; got != want {
				t.Errorf("%s: %q; want %q", study, got, want)
			}
		}
	})
}

// item returns the one examination of a study.
func (k *desk) item(study string) *dose.Item {
	k.t.Helper()
	s, err := k.Study(k.t.Context(), house, dosetest.UID(study).String())
	check(k.t, err)
	if len(s.Items) != 1 {
		k.t.Fatalf("%s has %d examinations", study, len(s.Items))
	}
	return s.Items[0]
}

func TestApproveRefuses(t *testing.T) {
	k := newDesk(t, dbtest.Open(t, dbtest.SQLite(t)))
	good := dose.Mapping{
		Site: house, Name: "Abdomen", Source: dose.FromProtocol, Exam: "CT_ABDOMEN",
		Indication: "ABSCESS", KnownBy: dose.KnownByOrder, ApprovedBy: "local",
	}
	tests := []struct {
		name string
		make func(*dose.Mapping)
	}{
		{"no name", func(m *dose.Mapping) { m.Name = " " }},
		{"a source that is none", func(m *dose.Mapping) { m.Source = "series" }},
		{"an examination nobody knows", func(m *dose.Mapping) { m.Exam = "CT_SOUL" }},
		{"an indication nobody knows", func(m *dose.Mapping) { m.Indication = "CURIOSITY" }},
		{"an indication without a way of knowing", func(m *dose.Mapping) { m.KnownBy = "" }},
		{"a way of knowing nothing", func(m *dose.Mapping) { m.Indication = "" }},
		{"a way of knowing that is none", func(m *dose.Mapping) { m.KnownBy = "hearsay" }},
		{"an indication of no examination", func(m *dose.Mapping) { m.Exam = dose.NotAnExamination }},
		{"a day that is none", func(m *dose.Mapping) { m.ValidFrom = "2026-02-30" }},
		{"nobody approves", func(m *dose.Mapping) { m.ApprovedBy = "" }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			m := good
			test.make(&m)
			if _, err := k.Approve(t.Context(), m); fault.Of(err) != fault.Invalid {
				t.Errorf("Approve = %v; want Invalid", err)
			}
		})
	}
	if _, err := k.Approve(t.Context(), good); err != nil {
		t.Errorf("the good one: %v", err)
	}
}

func TestGovern(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		k := newDesk(t, d)
		govern := func(set, exam, from, to string) (dose.Governing, error) {
			return k.Govern(t.Context(), dose.Governing{Site: house, Set: set, Exam: exam, From: from, To: to, DecidedBy: "local"})
		}
		changed := 0
		k.Changed = func() { changed++ }
		uk, err := govern("dose/level/uk_ndrl_2024", "", "2025-01-01", "")
		check(t, err)
		if changed != 1 {
			t.Errorf("Changed was called %d times; want once", changed)
		}
		if _, err := govern("dose/level/demo_2025", "CT_HEAD", "2026-07-01", ""); fault.Of(err) != fault.Conflict {
			t.Errorf("a second set for the same examination: %v; want Conflict", err)
		}
		check(t, k.EndGoverning(t.Context(), house, uk.ID, "2026-06-30", "local"))
		if err := k.EndGoverning(t.Context(), house, uk.ID, "2026-07-30", "local"); fault.Of(err) != fault.NotFound {
			t.Errorf("ended later than it ends: %v; want NotFound", err)
		}
		if _, err := govern("dose/level/demo_2025", "CT_HEAD", "2026-07-01", ""); err != nil {
			t.Errorf("after the first one ended: %v", err)
		}
		all, err := k.Governing(t.Context(), house)
		check(t, err)
		if len(all) != 2 || all[0].To != "2026-06-30" || all[1].Exam != "CT_HEAD" {
			t.Errorf("decisions = %+v", all)
		}
		for _, bad := range [][4]string{
			{"dose/level/nobody", "", "2026-01-01", ""},
			{"dose/exam", "", "2026-01-01", ""},
			{"dose/level/demo_2024", "CT_SOUL", "2026-01-01", ""},
			{"dose/level/demo_2024", "", "some day", ""},
			{"dose/level/demo_2024", "", "2026-01-01", "2025-01-01"},
		} {
			if _, err := govern(bad[0], bad[1], bad[2], bad[3]); fault.Of(err) != fault.Invalid {
				t.Errorf("govern %v: %v; want Invalid", bad, err)
			}
		}
	})
}
