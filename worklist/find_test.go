package worklist_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"radagora/access"
	"radagora/db"
	"radagora/db/dbtest"
	"radagora/dicom"
	"radagora/dicom/tag"
	"radagora/dicom/vr"
	"radagora/fault"
	"radagora/site"
	"radagora/worklist"
)

// keys makes an identifier: what is asked of the order, and of the step.
func keys(t testing.TB, order, step map[tag.Tag]string) *dicom.Dataset {
	t.Helper()
	b, s := dicom.NewBuilder(), dicom.NewBuilder()
	for _, x := range []struct {
		b  *dicom.Builder
		of map[tag.Tag]string
	}{{b, order}, {s, step}} {
		for k, text := range x.of {
			var values []string
			if text != "" {
				values = strings.Split(text, `\`)
			}
			switch v := tag.VROf(k); {
			case v.Binary() && len(values) > 0:
				n, err := strconv.ParseInt(values[0], 10, 64)
				if err != nil {
					t.Fatal(err)
				}
				x.b.Int(k, n)
			case v.Binary():
				x.b.Int(k)
			case v == vr.DA || v == vr.TM: // a range is no value of theirs
				raw := []byte(strings.Join(values, `\`))
				if len(raw)%2 == 1 {
					raw = append(raw, ' ')
				}
				x.b.Bytes(k, v, raw)
			default:
				x.b.TextAs(k, v, values...)
			}
		}
	}
	if step != nil {
		b.Sequence(tag.ScheduledProcedureStepSequence, s)
	}
	ds, err := b.Dataset()
	if err != nil {
		t.Fatal(err)
	}
	return ds
}

// found returns the accession numbers of what matches.
func (k *desk) found(ctx context.Context, t testing.TB, asked *dicom.Dataset) (all []string) {
	t.Helper()
	if asked == nil {
		asked = keys(t, map[tag.Tag]string{tag.AccessionNumber: ""}, nil)
	}
	for a, err := range k.Find(ctx, site.Default, worklist.Asked{Keys: asked, Caller: strings.TrimPrefix(access.From(ctx).ID, "ae:")}) {
		if err != nil {
			t.Fatalf("Find: %v", err)
		}
		all = append(all, a.Dataset.Text(tag.AccessionNumber))
	}
	slices.Sort(all)
	return all
}

// department fills a worklist: the names are the accession numbers.
func (k *desk) department() {
	put := func(accession, name, id, modality, stations, start string) {
		k.create(func(o *worklist.Order) {
			o.Accession, o.Patient.Name, o.Patient.ID = accession, name, id
			o.Steps[0].Modality, o.Steps[0].Stations, o.Steps[0].Start = modality, strings.Split(stations, " "), start
			o.Steps[0].PerformingPhysician = "Reader^" + accession
		})
	}
	put("A1", "Müßig^Jörg", "1", "CT", "CT1 CT2", "2026-11-22T09:30:00")
	put("A2", "Mussig^Anna", "2", "CT", "CT2", "2026-11-22T18:00:00")
	put("A3", "Yamada^Tarou=山田^太郎=やまだ^たろう", "3", "MR", "MR1", "2026-11-23T08:00:00")
	put("A4", "Smith^John^Paul", "40", "MR", "MR1", "2026-11-24T00:00:00")
	put("A5", "Smithers^Jo", "41", "US", "US_1", "2026-11-24T23:59:59")
}

func TestFind(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		k := newDesk(t, d)
		k.department()
		all := []string{"A1", "A2", "A3", "A4", "A5"}
		date, clock := tag.ScheduledProcedureStepStartDate, tag.ScheduledProcedureStepStartTime
		for _, c := range []struct {
			name        string
			order, step map[tag.Tag]string
			want        []string
		}{
			{"nothing asked", nil, nil, all},
			{"empty keys", nil, map[tag.Tag]string{tag.Modality: "", date: ""}, all},
			{"an asterisk is as empty", map[tag.Tag]string{tag.PatientName: "*"}, map[tag.Tag]string{tag.ScheduledStationAETitle: "*"}, all},
			{"one of several stations", nil, map[tag.Tag]string{tag.ScheduledStationAETitle: "CT2"}, []string{"A1", "A2"}},
			{"blanks around a title do not count", nil, map[tag.Tag]string{tag.ScheduledStationAETitle: " CT1 "}, []string{"A1"}},
			{"a title is not the beginning of another", nil, map[tag.Tag]string{tag.ScheduledStationAETitle: "CT"}, nil},
			{"an underscore is no wildcard", nil, map[tag.Tag]string{tag.ScheduledStationAETitle: "US_1"}, []string{"A5"}},
			{"stations by wildcard", nil, map[tag.Tag]string{tag.ScheduledStationAETitle: "?R*"}, []string{"A3", "A4"}},
			{"modality", nil, map[tag.Tag]string{tag.Modality: "MR"}, []string{"A3", "A4"}},
			{"one of several modalities", nil, map[tag.Tag]string{tag.Modality: `MR\US`}, []string{"A3", "A4", "A5"}},
			{"a location is case sensitive", nil, map[tag.Tag]string{tag.ScheduledProcedureStepLocation: "room 3"}, nil},
			{"a key at the wrong place asks nothing", nil, map[tag.Tag]string{tag.AccessionNumber: "X", tag.ScheduledProcedureStepLocation: "Room 3"}, all},
			{"one day", nil, map[tag.Tag]string{date: "20261122"}, []string{"A1", "A2"}},
			{"a range of days", nil, map[tag.Tag]string{date: "20261123-20261124"}, []string{"A3", "A4", "A5"}},
			{"from a day on", nil, map[tag.Tag]string{date: "20261124-"}, []string{"A4", "A5"}},
			{"until a day", nil, map[tag.Tag]string{date: "-20261122"}, []string{"A1", "A2"}},
			{"a day as old equipment writes it", nil, map[tag.Tag]string{date: "20261122"}, []string{"A1", "A2"}},
			{"hours of one day", nil, map[tag.Tag]string{date: "20261122", clock: "08-12"}, []string{"A1"}},
			{"the end of a range is meant whole", nil, map[tag.Tag]string{clock: "17-18"}, []string{"A2"}},
			{"an hour alone is all of it", nil, map[tag.Tag]string{clock: "09"}, []string{"A1"}},
			{"a time in full", nil, map[tag.Tag]string{clock: "093000"}, []string{"A1"}},
			{"a time that is not it", nil, map[tag.Tag]string{clock: "093001"}, nil},
			{"both ranges name one period", nil, map[tag.Tag]string{date: "20261122-20261124", clock: "12-06"}, []string{"A2", "A3", "A4"}},
			{"patient id", map[tag.Tag]string{tag.PatientID: "4"}, nil, nil},
			{"patient id by wildcard", map[tag.Tag]string{tag.PatientID: "4?"}, nil, []string{"A4", "A5"}},
			{"a name without case and accents", map[tag.Tag]string{tag.PatientName: "MÜSSIG^jorg"}, nil, []string{"A1"}},
			{"a family name alone", map[tag.Tag]string{tag.PatientName: "mussig"}, nil, []string{"A1", "A2"}},
			{"a family name is not the beginning of another", map[tag.Tag]string{tag.PatientName: "Smith"}, nil, []string{"A4"}},
			{"the beginning of a name", map[tag.Tag]string{tag.PatientName: "smith*"}, nil, []string{"A4", "A5"}},
			{"a given name alone", map[tag.Tag]string{tag.PatientName: "^jo*"}, nil, []string{"A1", "A4", "A5"}},
			{"components with wildcards", map[tag.Tag]string{tag.PatientName: "sm*^j*n"}, nil, []string{"A4"}},
			{"the ideographic group", map[tag.Tag]string{tag.PatientName: "山田*"}, nil, []string{"A3"}},
			{"a group in its place", map[tag.Tag]string{tag.PatientName: "=山田^太郎"}, nil, []string{"A3"}},
			{"a group in another place", map[tag.Tag]string{tag.PatientName: "==山田^太郎"}, nil, nil},
			{"performing physician", nil, map[tag.Tag]string{tag.ScheduledPerformingPhysicianName: "reader^a3"}, []string{"A3"}},
			{"accession number", map[tag.Tag]string{tag.AccessionNumber: "A2"}, nil, []string{"A2"}},
			{"two keys", map[tag.Tag]string{tag.AccessionNumber: "A2"}, map[tag.Tag]string{tag.Modality: "MR"}, nil},
			{"priority, which no machine must ask for", map[tag.Tag]string{tag.RequestedProcedurePriority: "STAT"}, nil, nil},
			{"a number", map[tag.Tag]string{tag.PatientWeight: "81.50"}, nil, all},
			{"a binary number", map[tag.Tag]string{tag.PregnancyStatus: "1"}, nil, all},
			{"another binary number", map[tag.Tag]string{tag.PregnancyStatus: "3"}, nil, nil},
			{"a binary zero, where a program cannot write nothing", map[tag.Tag]string{tag.PregnancyStatus: "0"}, nil, all},
			{"a value where there is none", map[tag.Tag]string{tag.AdmissionID: "1"}, nil, nil},
			{"status", nil, map[tag.Tag]string{tag.ScheduledProcedureStepStatus: "ARRIVED"}, nil},
			{"what this program does not have asks nothing", map[tag.Tag]string{tag.EthnicGroup: "X"}, nil, all},
		} {
			t.Run(c.name, func(t *testing.T) {
				order := map[tag.Tag]string{tag.AccessionNumber: ""}
				maps.Copy(order, c.order)
				if diff := cmp.Diff(c.want, k.found(k.peer("CT1"), t, keys(t, order, c.step))); diff != "" {
					t.Errorf("found (-want +got):\n%s", diff)
				}
			})
		}
	})
}

// What is asked for comes back, and nothing else.
func TestAnswer(t *testing.T) {
	k := newDesk(t, dbtest.Open(t, dbtest.SQLite(t)))
	o := k.create()
	ask := func(order, step map[tag.Tag]string) (a worklist.Answer) {
		t.Helper()
		n := 0
		for x, err := range k.Find(k.peer("CT1"), site.Default, worklist.Asked{Keys: keys(t, order, step), Caller: "CT1"}) {
			k.check(err)
			a, n = x, n+1
		}
		if n != 1 {
			t.Fatalf("%d answers; want 1", n)
		}
		return a
	}
	a := ask(map[tag.Tag]string{
		tag.PatientName: "", tag.PatientWeight: "", tag.PregnancyStatus: "", tag.Allergies: "", tag.StudyInstanceUID: "", tag.AdmissionID: "", tag.EthnicGroup: "",
	}, map[tag.Tag]string{tag.ScheduledStationAETitle: "CT2", tag.ScheduledProcedureStepStartTime: ""})
	ds := a.Dataset
	var got []string
	for e := range ds.All() {
		got = append(got, fmt.Sprintf("%v=%s", e.Tag(), strings.Join(e.Texts(), "|")))
	}
	step := ds.Item(tag.ScheduledProcedureStepSequence)
	want := []string{
		"(0008,0005)=ISO_IR 100", "(0010,0010)=Müßig^Jörg^^Dr.", "(0010,1030)=81.5", "(0010,2110)=Iodine|Latex", "(0010,21C0)=1",
		"(0020,000D)=" + o.Study, "(0038,0010)=", "(0040,0100)=",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("answer (-want +got):\n%s", diff)
	}
	if step.Len() != 2 || step.Text(tag.ScheduledStationAETitle) != "CT1" || step.Text(tag.ScheduledProcedureStepStartTime) != "093000" {
		t.Errorf("step has %d elements, %q, %q", step.Len(), step.Text(tag.ScheduledStationAETitle), step.Text(tag.ScheduledProcedureStepStartTime))
	}
	if !a.Unsupported || a.Person != "HOSPITAL|4711" {
		t.Errorf("unsupported %t, person %q; want that a key was not supported, and whom it is about", a.Unsupported, a.Person)
	}
	whole := ask(map[tag.Tag]string{tag.AccessionNumber: ""}, map[tag.Tag]string{})
	if n := whole.Dataset.Item(tag.ScheduledProcedureStepSequence).Len(); n < 15 || whole.Unsupported {
		t.Errorf("an empty item brings %d elements; want the whole step", n)
	}
}

func TestCharacterSets(t *testing.T) {
	k := newDesk(t, dbtest.Open(t, dbtest.SQLite(t)))
	k.create()
	k.create(func(o *worklist.Order) { o.Accession, o.Patient.Name = "A2", "Yamada^Tarou=山田^太郎" })
	k.create(func(o *worklist.Order) { o.Accession, o.Patient.Name = "A3", "Plain^Name" })
	for _, c := range []struct {
		name, declared, accession, want string
	}{
		{"Latin-1 fits", "ISO_IR 100", "A100", "ISO_IR 100"},
		{"UTF-8 is respected", "ISO_IR 192", "A100", "ISO_IR 192"},
		{"Latin-1 with escape sequences", "ISO 2022 IR 100", "A100", "ISO_IR 100"},
		{"Latin-1 lacks the letters", "ISO_IR 100", "A2", "ISO_IR 192"},
		{"Cyrillic lacks the umlaut", "ISO_IR 144", "A100", "ISO_IR 100"},
		{"GB18030 has everything", "GB18030", "A2", "GB18030"},
		{"none declared, none needed", "", "A3", ""},
		{"none declared, an umlaut", "", "A100", "ISO_IR 100"},
		{"none declared, ideographs", "", "A2", "ISO_IR 192"},
		{"a set nobody knows", "LATIN-99", "A100", "ISO_IR 100"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := dicom.NewBuilder().Text(tag.PatientName).Text(tag.AccessionNumber, c.accession)
			ds, err := b.Dataset()
			k.check(err)
			if c.declared != "" {
				ds = declared(t, ds, c.declared)
			}
			for a, err := range k.Find(k.peer("CT1"), site.Default, worklist.Asked{Keys: ds, Caller: "CT1"}) {
				k.check(err)
				if got := a.Dataset.Text(tag.SpecificCharacterSet); got != c.want {
					t.Errorf("character set %q; want %q", got, c.want)
				}
				if strings.ContainsRune(a.Dataset.Text(tag.PatientName), '�') || a.Dataset.Text(tag.PatientName) == "" {
					t.Error("the name cannot be read")
				}
			}
		})
	}
}

// declared reads a data set again with a character set that a builder would refuse.
func declared(t *testing.T, ds *dicom.Dataset, term string) *dicom.Dataset {
	t.Helper()
	b := dicom.Edit(ds)
	raw := []byte(term)
	if len(raw)%2 == 1 {
		raw = append(raw, ' ')
	}
	var out strings.Builder
	out.WriteString("\x08\x00\x05\x00CS")
	out.WriteByte(byte(len(raw)))
	out.WriteByte(0)
	out.Write(raw)
	plain, err := b.Dataset()
	if err != nil {
		t.Fatal(err)
	}
	if err := dicom.Write(&out, plain, explicit); err != nil {
		t.Fatal(err)
	}
	f, err := dicom.ReadDataset(strings.NewReader(out.String()), explicit, nil)
	if err != nil {
		t.Fatal(err)
	}
	return f.Dataset
}

func TestFindLimits(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		k := newDesk(t, d)
		k.department()
		ct1 := k.peer("CT1")
		set, err := k.Setting(t.Context(), site.Default, "CT1")
		k.check(err)
		set.OwnOnly = true
		k.check(k.SetSetting(as(t, access.Administrator), site.Default, "CT1", set))
		if diff := cmp.Diff([]string{"A1"}, k.found(ct1, t, nil)); diff != "" {
			t.Errorf("a peer that is shown only its own (-want +got):\n%s", diff)
		}
		if got := k.found(k.peer("CT2"), t, nil); len(got) != 5 {
			t.Errorf("another peer finds %v; want everything", got)
		}
		set.OwnOnly, set.MostEntries = false, 2
		k.check(k.SetSetting(as(t, access.Administrator), site.Default, "CT1", set))
		n, last := 0, error(nil)
		for _, err := range k.Find(ct1, site.Default, worklist.Asked{Keys: keys(t, map[tag.Tag]string{tag.PatientID: ""}, nil), Caller: "CT1"}) {
			if last = err; err == nil {
				n++
			}
		}
		if n != 2 || fault.Of(last) != fault.Exhausted {
			t.Errorf("%d answers, then %v; want 2 and exhausted", n, last)
		}
		k.wait(15 * 24 * 3600e9)
		if got := k.found(k.peer("CT2"), t, nil); len(got) != 3 {
			t.Errorf("two weeks on: %v; want what did not begin longer ago than that", got)
		}
	})
}

func TestFindLeavesOut(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		k := newDesk(t, d)
		o := k.create()
		other := k.create(func(o *worklist.Order) { o.Accession, o.Patient.ID = "A2", "2" })
		p := access.Person{Site: site.Default, ID: o.Person}
		k.check(k.db.Write(k.ctx, func(tx *db.Tx) error { return k.facts.Restrict(k.ctx, tx, p, true) }))
		if diff := cmp.Diff([]string{"A2"}, k.found(k.peer("CT1"), t, nil)); diff != "" {
			t.Errorf("with a restricted person (-want +got):\n%s", diff)
		}
		if list, err := k.List(k.ctx, site.Default, worklist.Filter{}); err != nil || len(list) != 1 {
			t.Errorf("the page lists %d, %v; want 1", len(list), err)
		}
		_, err := k.SetStep(k.ctx, site.Default, other.ID, other.Steps[0].Key, worklist.Completed)
		k.check(err)
		if got := k.found(k.peer("CT1"), t, nil); len(got) != 0 {
			t.Errorf("what is done is offered still: %v", got)
		}
		for _, err := range k.Find(k.peer("LIMITED"), site.Default, worklist.Asked{Keys: keys(t, nil, nil)}) {
			if fault.Of(err) != fault.Forbidden {
				t.Errorf("a peer that may not ask: %v; want forbidden", err)
			}
		}
	})
}

func TestFindRefuses(t *testing.T) {
	k := newDesk(t, dbtest.Open(t, dbtest.SQLite(t)))
	item := func() *dicom.Builder { return dicom.NewBuilder().Text(tag.Modality, "CT") }
	deep := item()
	for range 12 {
		deep = dicom.NewBuilder().Sequence(tag.ScheduledProtocolCodeSequence, deep)
	}
	for name, b := range map[string]*dicom.Builder{
		"two items":       dicom.NewBuilder().Sequence(tag.ScheduledProcedureStepSequence, item(), item()),
		"nested too deep": dicom.NewBuilder().Sequence(tag.ScheduledProcedureStepSequence, deep),
	} {
		ds, err := b.Dataset()
		k.check(err)
		for _, err := range k.Find(k.peer("CT1"), site.Default, worklist.Asked{Keys: ds}) {
			if fault.Of(err) != fault.Invalid {
				t.Errorf("%s: %v; want invalid", name, err)
			}
		}
	}
}

func TestList(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		k := newDesk(t, d)
		k.department()
		for _, c := range []struct {
			name string
			f    worklist.Filter
			want string
		}{
			{"everything, by start", worklist.Filter{}, "A1 A2 A3 A4 A5"},
			{"a day of the site", worklist.Filter{From: "2026-11-24", To: "2026-11-24"}, "A4 A5"},
			{"a station", worklist.Filter{Station: "CT2"}, "A1 A2"},
			{"a modality", worklist.Filter{Modality: "US"}, "A5"},
			{"a name without accents", worklist.Filter{Text: "mussig"}, "A1 A2"},
			{"a given name", worklist.Filter{Text: "john"}, "A4"},
			{"a patient id", worklist.Filter{Text: "41"}, "A5"},
			{"an accession number", worklist.Filter{Text: "A3"}, "A3"},
			{"a per cent sign is a letter", worklist.Filter{Text: "%"}, ""},
			{"a state", worklist.Filter{States: []worklist.State{worklist.Completed}}, ""},
			{"one page", worklist.Filter{Limit: 2}, "A1 A2"},
		} {
			list, err := k.List(k.ctx, site.Default, c.f)
			k.check(err)
			var got []string
			for _, e := range list {
				got = append(got, e.Order.Accession)
			}
			if s := strings.Join(got, " "); s != c.want {
				t.Errorf("%s: %q; want %q", c.name, s, c.want)
			}
		}
		if _, err := k.List(k.ctx, site.Default, worklist.Filter{From: "today"}); fault.Of(err) != fault.Invalid {
			t.Errorf("a day that is none: %v; want invalid", err)
		}
	})
}
