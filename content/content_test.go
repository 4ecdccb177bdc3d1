package content_test

import (
	"encoding/csv"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"radagora/content"
	"radagora/fault"
)

// open returns the embedded content with sources over it.
func open(t *testing.T, sources ...content.Source) *content.Library {
	t.Helper()
	lib, err := content.Open(sources...)
	if err != nil {
		t.Fatal(err)
	}
	return lib
}

// files makes a file system of names and texts.
func files(all map[string]string) fstest.MapFS {
	fsys := fstest.MapFS{}
	for name, data := range all {
		fsys[name] = &fstest.MapFile{Data: []byte(data)}
	}
	return fsys
}

// indication is a small set that replaces the embedded one.
func indication(edition string) map[string]string {
	embedded, _ := os.ReadFile("dose/indication/codes.tsv")
	return map[string]string{
		"dose/indication/set.yaml": strings.Join([]string{
			"id: dose/indication", "kind: indication_codes", "title: t", "publisher: p", "edition: " + edition,
			"licence: Apache-2.0", "source: s", "status: approved", "transcribed_by: a", "checked_by: b", "",
		}, "\n"),
		"dose/indication/codes.tsv": string(embedded) + "NEW_ONE\tNew\tNeu\tNouveau\n",
	}
}

func TestEmbedded(t *testing.T) {
	lib := open(t)
	rows := map[string]int{}
	for _, line := range lib.List("") {
		rows[line.Kind] += line.Rows
		if line.Origin != "embedded" || len(line.Replaces) > 0 || len(line.Digest) != 64 {
			t.Errorf("%s: origin %s, replaces %v, digest %s", line.ID, line.Origin, line.Replaces, line.Digest)
		}
		if line.Checked || line.Status != content.Draft {
			t.Errorf("%s claims to be %s, checked %v; nobody has checked it", line.ID, line.Status, line.Checked)
		}
	}
	want := map[string]int{
		"levels": 131 + 2*50, "exam_codes": 113, "hl7_map": 202, "indication_codes": 18, "term_words": 642 + 44, "reason_codes": 15, "reject_reasons": 14, "equipment_tests": 21, "equipment_age": 3, "dose_states": 8, "dose_sentence": 27, "size_groups": 9, "forms": 0,
		"code_map": 83, "alert_rules": 19, "alert_scopes": 15, "evidence": 132, "settings": 52 + 17, "patterns": 15, "dose_screens": 7,
		"quantities": 15, "common_passwords": 10_173 + 354, "journal_retention": 2,
		"audit_templates": 48 + 52 + 6, "law_duties": 37 + 13 + 3, "law_act": 26 + 24, "law_clocks": 12, "law_requests": 8 + 32,
		"law_purposes": 14 + 38 + 39, "law_retention": 10, "rejection_titles": 4, "incident_kinds": 14 + 5, "incident_causes": 15, "survey_rules": 3 + 1,
		"size_specific": 3 + 4, "dose_factors": 30 + 144, "activity_factors": 4, "protocol_settings": 29 + 8, "skin_dose": 5 + 715 + 457 + 2 + 1 + 3 + 8, "archive_retention": 6,
		"maturity_model": 10 + 7 + 6 + 103 + 12, "maturity_stars": 6 + 21 + 25 + 4,
	}
	maps.DeleteFunc(rows, func(kind string, _ int) bool { return kind == "demonstration" || kind == "access_policies" })
	if diff := cmp.Diff(want, rows); diff != "" {
		t.Errorf("rows by kind (-want +got):\n%s", diff)
	}
}

func TestOfficialSets(t *testing.T) {
	official := map[string]bool{}
	for _, s := range open(t).OfKind("", "levels") {
		official[s.ID] = s.Official
	}
	want := map[string]bool{
		"dose/level/uk_ndrl_2024": true, "dose/level/fr_nrd_2019": true, "dose/level/de_drw_2022": true,
		"dose/level/eu_euclid": false, "dose/level/eu_pidrl": false, "dose/level/ie_foley_2012": false,
		"dose/level/ch_aroua_2006": false, "dose/level/esr_wp_2011": false,
		"dose/level/demo_2024": false, "dose/level/demo_2025": false,
	}
	if diff := cmp.Diff(want, official); diff != "" {
		t.Errorf("official sets (-want +got):\n%s", diff)
	}
}

// TestLicences proves that the licence of every set has its text in LICENSES.
func TestLicences(t *testing.T) {
	for _, line := range open(t).List("") {
		if line.Licence == "Apache-2.0" {
			continue // the licence of the program itself
		}
		if _, err := os.Stat(filepath.Join("..", "LICENSES", line.Licence+".txt")); err != nil {
			t.Errorf("%s: licence %s: %v", line.ID, line.Licence, err)
		}
	}
}

// TestTranscription compares the embedded reference levels with the table they
// were made from, field by field.
func TestTranscription(t *testing.T) {
	shared := os.Getenv("RADAGORA_SHARED")
	if shared == "" {
		shared = filepath.Join("..", "..", "shared")
	}
	f, err := os.Open(filepath.Join(shared, "facts", "dose", "drl.tsv"))
	if err != nil {
		t.Skip("shared facts not found: ", err)
	}
	defer f.Close()
	r := csv.NewReader(f)
	r.Comma = '\t'
	all, err := r.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	lib, next := open(t), map[string]int{}
	for _, want := range all[1:] {
		id := "dose/level/" + strings.ToLower(want[0])
		table, err := lib.Table("", id, "levels")
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for row := range table.All() {
			if row.Line() == next[id]+2 {
				for _, c := range all[0] {
					got = append(got, row.Text(c))
				}
			}
		}
		next[id]++
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s line %d (-want +got):\n%s", id, next[id]+1, diff)
		}
	}
}

func TestOverride(t *testing.T) {
	lib := open(t,
		content.Source{Origin: content.Site, Site: "north", FS: files(indication("site"))},
		content.Source{Origin: content.Installation, FS: files(indication("installation"))},
	)
	for _, c := range []struct {
		site, edition string
		origin        content.Origin
		replaces      []content.Origin
	}{
		{"", "installation", content.Installation, []content.Origin{content.Embedded}},
		{"south", "installation", content.Installation, []content.Origin{content.Embedded}},
		{"north", "site", content.Site, []content.Origin{content.Embedded, content.Installation}},
	} {
		s, ok := lib.Set(c.site, "dose/indication")
		if !ok || s.Edition != c.edition || s.Origin != c.origin {
			t.Errorf("site %q sees edition %s from %s; want %s from %s", c.site, s.Edition, s.Origin, c.edition, c.origin)
		}
		if diff := cmp.Diff(c.replaces, s.Replaces); diff != "" {
			t.Errorf("site %q: replaces (-want +got):\n%s", c.site, diff)
		}
		if s.Rows() != 19 || len(lib.OfKind(c.site, "indication_codes")) != 1 {
			t.Errorf("site %q sees %d rows in %d sets; want 19 in 1", c.site, s.Rows(), len(lib.OfKind(c.site, "indication_codes")))
		}
	}
}

func TestRefFollowsEveryByte(t *testing.T) {
	a, _ := open(t).Set("", "dose/indication")
	over := open(t, content.Source{Origin: content.Installation, FS: files(indication("1"))})
	b, _ := over.Set("", "dose/indication")
	again, _ := open(t).Set("", "dose/indication")
	if a.Ref() == b.Ref() || a.Ref() != again.Ref() {
		t.Errorf("refs %s, %s, %s; want the first and last alike", a.Ref(), b.Ref(), again.Ref())
	}
	if got := a.Ref().String(); !strings.HasPrefix(got, "dose/indication@") || len(got) != len("dose/indication@")+12 {
		t.Errorf("Ref = %s; want the id and twelve digits", got)
	}
}

func TestTypedAccess(t *testing.T) {
	type level struct {
		exam, indication, unit string
		value                  float64
		n                      int
		known, official        bool
		from                   string
	}
	table, err := open(t).Table("", "dose/level/uk_ndrl_2024", "levels")
	if err != nil {
		t.Fatal(err)
	}
	levels, err := content.Collect(table, func(r *content.Row) level {
		v, _ := r.Number("value")
		n, known := r.Int("min_n")
		return level{
			r.Text("exam_code"), r.Text("indication_code"), r.Text("unit"),
			v, n, known, r.Yes("show_as_official"), r.Date("valid_from").First(),
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	want := level{"CT_HEAD", "STROKE_ACUTE", "mGy", 47, 0, false, true, "2024-11-20"}
	if len(levels) != 21 || levels[0] != want {
		t.Errorf("%d levels, first %+v; want 21, %+v", len(levels), levels[0], want)
	}
	for row := range table.All() {
		row.Text("role") // optional, absent in no set of ours, and no mistake
		row.Number("examination")
		row.Text("exam")
		if kind := fault.Of(row.Err()); row.Err() == nil || kind != fault.Internal && kind != fault.Invalid {
			t.Errorf("a wrong type and a wrong column read without an error")
		}
		break
	}
	if _, err := content.Collect(table, func(r *content.Row) string { return r.Text("nonsense") }); err == nil {
		t.Error("Collect of a column nobody knows succeeded")
	}
	if _, err := open(t).Table("", "dose/exam", "rows"); fault.Of(err) != fault.NotFound {
		t.Errorf("a table nobody has: %v; want not found", err)
	}
}

func TestDecode(t *testing.T) {
	set := map[string]string{
		"demo/x/set.yaml": "id: demo/x\nkind: demonstration\ntitle: t\npublisher: p\nedition: 1\nlicence: Apache-2.0\n" +
			"source: made up\nstatus: draft\ntranscribed_by: a\ndate: 2026-11-22\n",
		"demo/x/rooms.tsv":  "room\tshare\nCT 1\t0.5\n",
		"demo/x/story.yaml": "seed: 7\nrooms: [CT 1, CT 2]\n",
	}
	s, ok := open(t, content.Source{Origin: content.Installation, FS: files(set)}).Set("", "demo/x")
	if !ok || s.Edition != "1" || s.Date != "2026-11-22" {
		t.Fatalf("set %+v, %v", s, ok)
	}
	var story struct {
		Seed  int      `yaml:"seed"`
		Rooms []string `yaml:"rooms"`
	}
	if err := s.Decode("story", &story); err != nil || story.Seed != 7 || len(story.Rooms) != 2 {
		t.Errorf("Decode = %+v, %v", story, err)
	}
	var strict struct {
		Seed int `yaml:"seed"`
	}
	if err := s.Decode("story", &strict); fault.Of(err) != fault.Invalid {
		t.Errorf("a key nobody knows: %v; want invalid", err)
	}
	if err := s.Decode("other", &strict); fault.Of(err) != fault.NotFound {
		t.Errorf("a document nobody has: %v; want not found", err)
	}
}

func TestOpenRefusesWhatCheckRefuses(t *testing.T) {
	broken := indication("1")
	broken["dose/indication/codes.tsv"] = "indication_code\tlabel_en\tlabel_de\tlabel_fr\nX\t\tx\tx\n"
	_, err := content.Open(content.Source{Origin: content.Installation, FS: files(broken)})
	if fault.Of(err) != fault.Invalid || !strings.Contains(err.Error(), "codes.tsv:2: label_en: is empty; fill it in") {
		t.Errorf("Open = %v; want the problem with file, line and way out", err)
	}
}

func TestSpan(t *testing.T) {
	span := func(from, to string) content.Span {
		f, ok := content.ParseDate(from)
		u, ok2 := content.ParseDate(to)
		if !ok || !ok2 {
			t.Fatalf("%s to %s is no span", from, to)
		}
		return content.Span{From: f, To: u}
	}
	for _, c := range []struct {
		name    string
		a, b    content.Span
		overlap bool
	}{
		{"one ends the day before", span("2020", "2024-11-19"), span("2024-11-20", ""), false},
		{"one ends on the day", span("2020", "2024-11-20"), span("2024-11-20", ""), true},
		{"a year alone may mean each of its days", span("2020", "2024"), span("2024-11-20", ""), true},
		{"unknown is open", span("", ""), span("2024", "2024"), true},
		{"years apart", span("2012", "2013"), span("2024", ""), false},
	} {
		if got := c.a.Overlaps(c.b); got != c.overlap || c.b.Overlaps(c.a) != got {
			t.Errorf("%s: overlaps = %v; want %v both ways", c.name, got, c.overlap)
		}
	}
	s := span("2024-11-20", "2026")
	for day, want := range map[string]bool{"2024-11-19": false, "2024-11-20": true, "2026-12-31": true, "2027-01-01": false} {
		if s.Covers(day) != want {
			t.Errorf("Covers(%s) = %v; want %v", day, !want, want)
		}
	}
}

func Example() {
	lib, err := content.Open()
	if err != nil {
		fmt.Println(err)
		return
	}
	set, _ := lib.Set("", "dose/level/uk_ndrl_2024")
	table, _ := set.Table("levels")
	for row := range table.All() {
		value, _ := row.Number("value")
		fmt.Println(row.Text("exam_code"), row.Text("indication_code"), row.Text("quantity"), value, row.Text("unit"))
		break
	}
	fmt.Println(set.Publisher, "-", set.Licence, "-", set.Status)
	// Output:
	// CT_HEAD STROKE_ACUTE CTDIvol per sequence 47 mGy
	// UK Health Security Agency, Department of Health and Social Care - OGL-UK-3.0 - draft
}
