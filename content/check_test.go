package content

import (
	"io/fs"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

const levelDir = "dose/level/test_2026"

// goodSet returns a set of two levels that has no problem.
func goodSet() map[string]string {
	return map[string]string{
		levelDir + "/set.yaml": "id: dose/level/test_2026\nkind: levels\ntitle: Test levels\npublisher: nobody\nedition: '2026'\n" +
			"licence: Apache-2.0\nsource: made up\nstatus: draft\nofficial: false\nvalid_from: '2026'\nvalid_to: ''\ntranscribed_by: a\n",
		levelDir + "/levels.tsv": header + "\n" + level(nil) + "\n" + level(map[string]string{"quantity": "DLP", "unit": "mGy.cm"}) + "\n",
	}
}

const header = "set_id\tcountry\tauthority\tyear\tmodality\texamination\texam_code\tclinical_indication\tindication_code\t" +
	"patient_group\tsize_min\tsize_max\tsize_kind\tquantity\tvalue\tunit\tphantom\tstatistic\tmin_n\tadopted\tpublished\t" +
	"valid_from\tvalid_to\treview_due\tgoverning\tshow_as_official\tsource_kind\tsource\tnote"

// level returns a row with some fields changed.
func level(change map[string]string) string {
	row := map[string]string{
		"set_id": "TEST_2026", "country": "XX", "authority": "nobody", "year": "2026", "modality": "CT",
		"examination": "Head", "exam_code": "CT_HEAD", "indication_code": "STROKE_ACUTE", "patient_group": "adult",
		"quantity": "CTDIvol", "value": "1.5", "unit": "mGy", "statistic": "test", "governing": "no",
		"show_as_official": "no", "source_kind": "test", "source": "made up",
	}
	maps.Copy(row, change)
	var fields []string
	for c := range strings.SplitSeq(header, "\t") {
		fields = append(fields, row[c])
	}
	return strings.Join(fields, "\t")
}

// rows makes a levels.tsv.
func rows(lines ...string) map[string]string {
	return map[string]string{levelDir + "/levels.tsv": header + "\n" + strings.Join(lines, "\n") + "\n"}
}

// meta changes lines of set.yaml.
func meta(changes ...string) map[string]string {
	data := goodSet()[levelDir+"/set.yaml"]
	return map[string]string{levelDir + "/set.yaml": strings.NewReplacer(changes...).Replace(data)}
}

func TestCheck(t *testing.T) {
	if problems := Check(fileSystem(goodSet())); len(problems) > 0 {
		t.Fatalf("the good set has problems: %v", CheckError(problems))
	}
	type f = map[string]string
	long := strings.Repeat("x", lineLimit)
	seen := map[Code]bool{}
	for _, c := range []struct {
		name   string
		change f
		want   string // the problem; of several, the first
	}{
		{"two levels on one day", rows(level(nil), level(f{"value": "2"})), "levels.tsv:3: exam_code: is valid on the same day as line 2 for the same examination, indication, size and quantity; close one of them with valid_to, or keep one"},
		{"two levels that meet on a day", rows(level(f{"valid_to": "2026-06-30"}), level(f{"valid_from": "2026-06-30"})), "levels.tsv:3: exam_code: is valid on the same day as line 2"},
		{"one follows the other", rows(level(f{"valid_to": "2026-06-29"}), level(f{"valid_from": "2026-06-30"})), ""},
		{"a guide value beside a level", f{levelDir + "/levels.tsv": header + "\trole\n" + level(nil) + "\tlevel\n" + level(nil) + "\tguide\n"}, ""},
		{"sizes that overlap", rows(level(f{"size_min": "5", "size_max": "15", "size_kind": "weight_kg"}), level(f{"size_min": "10", "size_kind": "weight_kg", "patient_group": "other"})), "levels.tsv:3: exam_code: is valid"},
		{"sizes side by side", rows(level(f{"size_min": "5", "size_max": "15", "size_kind": "weight_kg"}), level(f{"size_min": "15", "size_kind": "weight_kg"})), ""},
		{"another indication", rows(level(nil), level(f{"indication_code": ""})), ""},
		{"an examination nobody knows", rows(level(f{"exam_code": "CT_HAED"})), `levels.tsv:2: exam_code: "CT_HAED" is not known as exam_code; add it to a set of kind exam_codes, or correct it`},
		{"an indication nobody knows", rows(level(f{"indication_code": "X"})), `levels.tsv:2: indication_code: "X" is not known`},
		{"a unit of another quantity", rows(level(f{"unit": "mGy.cm"})), `levels.tsv:2: unit: "mGy.cm" cannot be converted for "CTDIvol"; convertible are: mGy, uGy, cGy, dGy, Gy`},
		{"a quantity nobody knows", rows(level(f{"quantity": "dose"})), `levels.tsv:2: quantity: "dose" is not known`},
		{"zero", rows(level(f{"value": "0"})), `levels.tsv:2: value: "0" is not above 0; compare with the source`},
		{"below zero", rows(level(f{"value": "-3"})), `levels.tsv:2: value: "-3" is not above 0`},
		{"no number", rows(level(f{"value": "3,5"})), `levels.tsv:2: value: "3,5" is not a decimal number`},
		{"infinite", rows(level(f{"value": "1e999"})), `levels.tsv:2: value: "1e999" is not a decimal number`},
		{"no value", rows(level(f{"value": ""})), `levels.tsv:2: value: is empty`},
		{"a day that does not exist", rows(level(f{"valid_from": "2026-02-30"})), `levels.tsv:2: valid_from: "2026-02-30" is not a date; write YYYY-MM-DD, or YYYY alone`},
		{"a year alone", rows(level(f{"valid_from": "2026"})), ""},
		{"ends before it begins", rows(level(f{"valid_from": "2026", "valid_to": "2025-12-31"})), `levels.tsv:2: valid_to: 2025-12-31 ends before it begins with 2026`},
		{"sizes turned round", rows(level(f{"size_min": "9", "size_max": "9", "size_kind": "weight_kg"})), `levels.tsv:2: size_max: 9 ends before it begins with 9`},
		{"bounds of nothing", rows(level(f{"size_min": "9"})), `levels.tsv:2: size_kind: "" is not allowed`},
		{"a size word nobody knows", rows(level(f{"size_kind": "height"})), `levels.tsv:2: size_kind: "height" is not allowed; allowed are: weight_kg, age_months`},
		{"a file that wants to govern", rows(level(f{"governing": "yes"})), `levels.tsv:2: governing: "yes" is not allowed; allowed are: no`},
		{"official by its row alone", rows(level(f{"show_as_official": "yes"})), `levels.tsv:2: show_as_official: is yes, but set.yaml says official: false`},
		{"neither yes nor no", rows(level(f{"show_as_official": "maybe"})), `levels.tsv:2: show_as_official: "maybe" is not allowed; allowed are: yes, no`},
		{"a row of another set", rows(level(f{"set_id": "OTHER"})), `levels.tsv:2: set_id: is "OTHER" in a set called "test_2026"`},
		{"half a patient", rows(level(f{"min_n": "10.5"})), `levels.tsv:2: min_n: "10.5" is not a whole number`},
		{"a code with a space", rows(level(f{"exam_code": "CT HEAD"})), `levels.tsv:2: exam_code: "CT HEAD" is not a code`},
		{"a column nobody knows", f{levelDir + "/levels.tsv": strings.Replace(header, "note", "notes", 1) + "\n" + level(nil) + "\n"}, "levels.tsv:1: note: is missing"},
		{"a column too many", f{levelDir + "/levels.tsv": header + "\tcolour\n" + level(nil) + "\tred\n"}, "levels.tsv:1: colour: is no column of this table; known are: set_id"},
		{"a column twice", f{levelDir + "/levels.tsv": header + "\tnote\n" + level(nil) + "\t\n"}, "levels.tsv:1: note: names the column twice"},
		{"a field too few", rows("TEST_2026\tXX"), "levels.tsv:2: has 2 fields, the header 29"},
		{"a quoted field", rows(level(f{"note": `"quoted"`})), "levels.tsv:2: note: holds a double quote"},
		{"a space nobody sees", rows(level(f{"unit": "mGy "})), "levels.tsv:2: unit: begins or ends with a space"},
		{"a character nobody sees", rows(level(f{"note": "a\x00b"})), "levels.tsv:2: note: holds a control character"},
		{"a blank line", rows(level(nil), "", level(f{"indication_code": ""})), "levels.tsv:3: is blank"},
		{"Windows line ends", f{levelDir + "/levels.tsv": header + "\r\n"}, "levels.tsv:1: ends with a carriage return"},
		{"a byte order mark", f{levelDir + "/levels.tsv": "\ufeff" + header + "\n"}, "levels.tsv:1: begins with a byte order mark"},
		{"Latin-1", rows(level(f{"note": "t\xeate"})), "levels.tsv:2: is not UTF-8"},
		{"a line without end", rows(level(f{"note": long})), "levels.tsv:2: is longer than 65536 bytes"},
		{"a file without end", f{levelDir + "/levels.tsv": strings.Repeat("x\n", fileLimit/2+1)}, "levels.tsv: is larger than 8388608 bytes"},
		{"nothing at all", f{levelDir + "/levels.tsv": ""}, "levels.tsv:1: has no header line"},
		{"no table", f{levelDir + "/levels.tsv": "-"}, "levels.tsv: is missing; a set of kind levels needs it"},
		{"no set.yaml", f{levelDir + "/set.yaml": "-"}, "set.yaml: is missing"},
		{"a file nobody asked for", f{levelDir + "/levels.csv": "x"}, "levels.csv: belongs to no set of kind levels"},
		{"explanations are welcome", f{levelDir + "/README.md": "x"}, ""},
		{"the same code twice", f{"my/exam/set.yaml": examSet, "my/exam/codes.tsv": examHeader + "A\ta\ta\ta\tCT\t\nA\tb\tb\tb\tCT\t\n"}, `codes.tsv:3: exam_code: "A" stands already in line 2`},
		{"a kind nobody knows", meta("kind: levels", "kind: level"), `set.yaml:2: kind: "level" is no kind of content; known are: access_policies, activity_factors, alert_rules`},
		{"a folder of another name", meta("test_2026", "test"), `set.yaml:1: id: is "dose/level/test", but the folder is called "dose/level/test_2026"`},
		{"no licence", meta("licence: Apache-2.0", "licence: ''"), "set.yaml:6: licence: is empty"},
		{"a key nobody knows", meta("publisher:", "publishr:"), "set.yaml:4: is not as expected: unknown field \"publishr\""},
		{"no YAML", f{levelDir + "/set.yaml": "id: [\n"}, "set.yaml:1: is not as expected"},
		{"an anchor", meta("Test levels", "&a Test"), "set.yaml:3: uses an anchor (&); write it out plainly"},
		{"a status nobody knows", meta("draft", "final"), `set.yaml:8: status: "final" is not allowed; allowed are: draft, approved`},
		{"approved by nobody", meta("draft", "approved"), "set.yaml:8: status: approved, but nobody checked it"},
		{"checked by who typed it", meta("transcribed_by: a", "transcribed_by: a\nchecked_by: a"), "set.yaml:13: checked_by: is who transcribed it"},
		{"a set over before it holds", meta("valid_to: ''", "valid_to: '2025'"), "set.yaml:11: valid_to: 2025 ends before it begins with 2026"},
		{"a set without a date", meta("valid_from: '2026'", "valid_from: soon"), `set.yaml:10: valid_from: "soon" is not a date`},
		{"policies that do not parse", f{"my/policy/set.yaml": policySet, "my/policy/policy.cedar": "permit"}, "policy.cedar: is no list of policies"},
		{"a policy without a name", f{"my/policy/set.yaml": policySet, "my/policy/policy.cedar": "permit(principal, action, resource);"}, "policy.cedar:1: is no list of policies: each policy needs an @id"},
		{"a form that is none", f{"my/form/set.yaml": formSet, "my/form/form.json": `{"resourceType":"Patient"}`}, "form.json: is no Questionnaire with url, version and status"},
		{"a form that is no JSON", f{"my/form/set.yaml": formSet, "my/form/form.json": "{"}, "form.json: is no JSON"},
		{"a folder where a file should be", f{levelDir + "/levels.tsv": "!"}, "levels.tsv: cannot be read"},
	} {
		t.Run(c.name, func(t *testing.T) {
			set := goodSet()
			maps.Copy(set, c.change)
			problems := Check(fileSystem(set))
			for _, p := range problems {
				seen[p.Code] = true
			}
			switch {
			case c.want == "" && len(problems) > 0:
				t.Errorf("problems: %v; want none", CheckError(problems))
			case c.want != "" && !slices.ContainsFunc(problems, func(p Problem) bool { return strings.Contains(p.String(), c.want) }):
				t.Errorf("problems:\n%v\nwant among them:\n%s", CheckError(problems), c.want)
			}
		})
	}
	for code := range texts {
		if !seen[code] {
			t.Errorf("no case shows the problem %s", code)
		}
	}
}

const (
	examSet    = "id: my/exam\nkind: exam_codes\ntitle: t\npublisher: p\nedition: e\nlicence: Apache-2.0\nsource: s\nstatus: draft\ntranscribed_by: a\n"
	policySet  = "id: my/policy\nkind: access_policies\ntitle: t\npublisher: p\nedition: e\nlicence: Apache-2.0\nsource: s\nstatus: draft\ntranscribed_by: a\n"
	formSet    = "id: my/form\nkind: forms\ntitle: t\npublisher: p\nedition: e\nlicence: Apache-2.0\nsource: s\nstatus: draft\ntranscribed_by: a\n"
	examHeader = "exam_code\tlabel_en\tlabel_de\tlabel_fr\tmodality\tregion\n"
)

// fileSystem makes a file system; "-" stands for no file, "!" for one that
// cannot be read.
func fileSystem(all map[string]string) fs.FS {
	fsys := fstest.MapFS{}
	for name, data := range all {
		switch data {
		case "-":
		case "!":
			fsys[name] = &fstest.MapFile{Mode: fs.ModeSymlink, Data: []byte("nowhere")}
		default:
			fsys[name] = &fstest.MapFile{Data: []byte(data)}
		}
	}
	return fsys
}

func TestProblemsAreLimited(t *testing.T) {
	set := goodSet()
	set[levelDir+"/levels.tsv"] = header + "\n" + strings.Repeat("x\n", 5000)
	if problems := Check(fileSystem(set)); len(problems) != problemLimit {
		t.Errorf("%d problems; want %d", len(problems), problemLimit)
	}
}

// FuzzTSV proves that no table makes the reader panic, and that what it reads
// without a problem is what was written.
func FuzzTSV(f *testing.F) {
	f.Add([]byte(header + "\n" + level(nil) + "\n"))
	f.Add([]byte("a\tb\n1\t2\n"))
	f.Add([]byte("a\tb\n1\n\n\"x\"\t\x00\n"))
	f.Add([]byte("\ufeffa\r\n"))
	f.Add([]byte("a\xff\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		table, problems := readTSV("f.tsv", "f", data)
		for _, p := range problems {
			if p.String() == "" || strings.Contains(p.String(), "%!") {
				t.Errorf("problem %+v says %q", p, p)
			}
		}
		if len(problems) > 0 {
			return
		}
		var b strings.Builder
		b.WriteString(strings.Join(table.Columns(), "\t") + "\n")
		for row := range table.All() {
			for i, c := range table.columns {
				if i > 0 {
					b.WriteByte('\t')
				}
				b.WriteString(row.Text(c))
			}
			b.WriteByte('\n')
		}
		if got := b.String(); strings.TrimSuffix(got, "\n") != strings.TrimSuffix(string(data), "\n") {
			t.Errorf("written again:\n%q\nwas\n%q", got, data)
		}
	})
}

// FuzzYAML proves that no YAML makes the reader panic, and that what is wrong
// can be said.
func FuzzYAML(f *testing.F) {
	f.Add([]byte(goodSet()[levelDir+"/set.yaml"]))
	f.Add([]byte("a: &a [*a, *a]\n"))
	f.Add([]byte("? ? ? - - - [[[[\n"))
	f.Add([]byte("a: !!binary x\n<<: {}\n%YAML 1\n---\n...\n"))
	f.Add([]byte("id: |\n  x\n\t\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		_, problems := readMeta("x/y", data)
		var v any
		for _, p := range append(problems, decodeYAML("f.yaml", data, &v)...) {
			if strings.Contains(p.String(), "%!") || strings.Contains(p.String(), "\n") {
				t.Errorf("problem %+v says %q", p, p)
			}
		}
	})
}
