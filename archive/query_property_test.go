package archive_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"

	"radagora/archive"
	"radagora/dicom"
	"radagora/dicom/tag"
	"radagora/dicom/uid"
)

// A record is what one made instance says, by keyword.
type record map[string]string

var levelsOf = map[string]int{
	"PatientID": 0, "PatientName": 0, "PatientBirthDate": 0, "PatientSex": 0,
	"StudyDate": 1, "StudyTime": 1, "AccessionNumber": 1, "StudyDescription": 1, "ReferringPhysicianName": 1, "StudyID": 1,
	"Modality": 2, "SeriesDescription": 2, "SeriesNumber": 2, "PerformingPhysicianName": 2, "PerformedProcedureStepStartDate": 2,
	"InstanceNumber": 3, "Rows": 3, "ContentTime": 3, "SOPClassUID": 3,
	"ImageComments": 3, "SliceThickness": 3, // of the header alone
}

var valuesOf = map[string][]string{
	"PatientID":                       {"1", "12", "A1", "a1", "100%", "1_2", "x!y"},
	"PatientName":                     {"Müller^Anna", "MULLER^ANNA", "Muller", "Muller^Anna^^Dr", "Straße^Jan", "Yamada^Tarou=山田^太郎=やまだ^たろう", "Smith^Ann", ""},
	"PatientBirthDate":                {"19700101", "19800229", ""},
	"PatientSex":                      {"M", "F", ""},
	"StudyDate":                       {"20240101", "20240131", "20231231", ""},
	"StudyTime":                       {"10", "1015", "101500", "101500.5", "235959.999", ""},
	"AccessionNumber":                 {"ACC1", "acc1", "ACC2", ""},
	"StudyDescription":                {"Thorax", "THORAX", "Schädel nativ", "100% off_", ""},
	"ReferringPhysicianName":          {"Sommer^Ina", "Häuser^Udo=東^京", ""},
	"StudyID":                         {"S1", "S2"},
	"Modality":                        {"CT", "MR", "SR"},
	"SeriesDescription":               {"a", "A", "b*", ""},
	"SeriesNumber":                    {"1", "2", ""},
	"PerformingPhysicianName":         {"Öz^Can", "Oz^Can", ""},
	"PerformedProcedureStepStartDate": {"20240101", ""},
	"InstanceNumber":                  {"1", "2", "3", ""},
	"Rows":                            {"64", "128"},
	"ContentTime":                     {"120000", "1200", ""},
	"SOPClassUID":                     {uid.CTImageStorage.String(), uid.MRImageStorage.String()},
	"ImageComments":                   {"good", "bad", "Good", ""},
	"SliceThickness":                  {"1", "1.0", "2.5", ""},
}

var patternsOf = map[string][]string{
	"PatientID":              {"1", "1*", "*1", "?1", "a*", "A*", "100%", "1_2", "1?2", "x!*", "*%", `""`, "1\\12"},
	"PatientName":            {"muller^anna", "müller*", "MULLER^*", "*anna*", "m?ller", "strasse^jan", "山田*", "=山田^太郎", "yamada*=山田*", "*田*", "smith^ann\\muller", `""`, "muller^anna^*"},
	"PatientBirthDate":       {"19700101", "19700101-19791231", "-19751231", "19750101-", `""`},
	"PatientSex":             {"M", "*", "M\\F"},
	"StudyDate":              {"20240101", "20240101-20240131", "-20231231", "20240102-", "20240101\\20231231"},
	"StudyTime":              {"10", "1015", "101500", "101500.5", "101500.50", "10-1015", "-1015", "1016-", "101500.6-"},
	"AccessionNumber":        {"ACC1", "acc?", "ACC*", `""`},
	"StudyDescription":       {"Thorax", "*x", "*100%*", "Sch?del*", "T*X"},
	"ReferringPhysicianName": {"sommer*", "häuser^udo", "東*", "*in*"},
	"StudyID":                {"S1", "S?"},
	"Modality":               {"CT", "CT\\MR", "?R", "XA"},
	"SeriesDescription":      {"a", "A", "b?", "?*"},
	"SeriesNumber":           {"1", "2\\1", `""`},

	"PerformingPhysicianName":         {"oz^can", "öz*", "*can"},
	"PerformedProcedureStepStartDate": {"20240101", `""`},
	"InstanceNumber":                  {"1", "3", `""`},
	"Rows":                            {"64", "128"},
	"ContentTime":                     {"12", "1200", "120000", "13-"},
	"SOPClassUID":                     {uid.CTImageStorage.String(), uid.CTImageStorage.String() + `\` + uid.MRImageStorage.String()},
	"ImageComments":                   {"good", "?ood", "*d", `""`},
	"SliceThickness":                  {"1", "2.5"},
}

var kindOf = map[string]string{
	"PatientName": "name", "ReferringPhysicianName": "name", "PerformingPhysicianName": "name",
	"PatientBirthDate": "range", "StudyDate": "range", "PerformedProcedureStepStartDate": "range", "StudyTime": "time", "ContentTime": "time",
	"SeriesNumber": "number", "InstanceNumber": "number", "Rows": "number", "SliceThickness": "decimal",
}

// plainly matches one value with one pattern, as slowly and plainly as it can be said.
func plainly(kind, pattern, value string) bool {
	if pattern == `""` || value == "" {
		return pattern == `""` && value == ""
	}
	switch kind {
	case "name":
		return plainName(pattern, value)
	case "range", "time":
		from, to, ranged := strings.Cut(pattern, "-")
		if !ranged {
			to = from
			if kind == "time" && strings.Contains(from, ".") {
				return strings.TrimRight(from, "0") == strings.TrimRight(value, "0")
			}
		}
		return (from == "" || value >= from) && (to == "" || value <= to || strings.HasPrefix(value, to))
	case "decimal":
		return strings.TrimSuffix(pattern, ".0") == strings.TrimSuffix(value, ".0")
	}
	return expression(pattern).MatchString(value)
}

func expression(pattern string) *regexp.Regexp {
	s := regexp.QuoteMeta(pattern)
	s = strings.ReplaceAll(strings.ReplaceAll(s, `\*`, `(?s:.*)`), `\?`, `(?s:.)`)
	return regexp.MustCompile("^" + s + "$")
}

var unaccented = strings.NewReplacer("ü", "u", "ö", "o", "ä", "a", "ß", "ss", "Ü", "u", "Ö", "o")

func plainName(pattern, value string) bool {
	fold := func(s string) string { return strings.ToLower(unaccented.Replace(s)) }
	group := func(p, v string) bool {
		v = strings.TrimRight(fold(v), "^")
		if v == "" {
			return false
		}
		for p = fold(p); ; p = strings.TrimRight(strings.TrimSuffix(p, "^*"), "^") {
			if expression(p).MatchString(v) {
				return true
			}
			if !strings.HasSuffix(p, "^*") {
				return false
			}
		}
	}
	wanted, groups := strings.Split(pattern, "="), strings.Split(value, "=")
	if len(wanted) > 1 {
		for i, w := range wanted {
			if w != "" && (i >= len(groups) || !group(w, groups[i])) {
				return false
			}
		}
		return true
	}
	first := pattern[0]
	if first < 0x80 && first != '*' && first != '?' && !slices.ContainsFunc([]byte(pattern), func(c byte) bool { return c >= 0x80 }) {
		groups = groups[:1]
	}
	return slices.ContainsFunc(groups, func(g string) bool { return group(pattern, g) })
}

// matches says whether a record has everything that is asked of levels from one on to another.
func (r record) matches(asked map[string]string, from, to int) bool {
	for k, patterns := range asked {
		if l := levelsOf[k]; l < from || l > to {
			continue
		}
		if !slices.ContainsFunc(strings.Split(patterns, `\`), func(p string) bool { return p == "*" || plainly(kindOf[k], p, r[k]) }) {
			return false
		}
	}
	return true
}

// expected returns the UIDs that a query of a level must find.
func expected(all []record, level int, asked map[string]string) []string {
	unique := []string{"PatientID", "StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"}[level]
	found := map[string]bool{}
	for _, r := range all {
		if !r.matches(asked, 0, level) {
			continue
		}
		// of what lies below, one series and in it one instance must match
		below := slices.ContainsFunc(all, func(x record) bool { return x[unique] == r[unique] && x.matches(asked, level+1, 3) })
		if below {
			found[r[unique]] = true
		}
	}
	var list []string
	for u := range found {
		list = append(list, u)
	}
	slices.Sort(list)
	return list
}

// made stores instances with random attributes and returns what they say.
func made(b *bench, r *rand.Rand, studies int) (all []record) {
	n := 0
	pick := func(to record, level int) {
		for k, l := range levelsOf {
			if l == level {
				to[k] = valuesOf[k][r.IntN(len(valuesOf[k]))]
			}
		}
	}
	for s := range studies {
		study := record{}
		pick(study, 0)
		pick(study, 1)
		for series := range 1 + r.IntN(3) {
			of := record{}
			pick(of, 2)
			for i := range 1 + r.IntN(3) {
				one := record{}
				pick(one, 3)
				for _, from := range []record{study, of} {
					maps.Copy(one, from)
				}
				x := thing{study: s + 1, series: series + 1, instance: i + 1}
				st, se, sop := x.uids()
				one["StudyInstanceUID"], one["SeriesInstanceUID"], one["SOPInstanceUID"] = st.String(), se.String(), sop.String()
				x.set = func(b *dicom.Builder) {
					for k := range levelsOf {
						t, _ := tag.ByKeyword(k)
						switch {
						case one[k] == "":
							b.Delete(t)
						case k == "Rows":
							b.Int(t, map[string]int64{"64": 64, "128": 128}[one[k]])
						default:
							b.Text(t, one[k])
						}
					}
				}
				class, _ := uid.Parse(one["SOPClassUID"])
				in := x.arrival(b.t)
				in.SOPClass = class
				b.mustStore(in, archive.Added)
				all = append(all, one)
				n++
			}
		}
	}
	return all
}

// TestFindProperty compares what is found with what a plain reading of the rules finds.
func TestFindProperty(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		r := rand.New(rand.NewPCG(4, uint64(len(t.Name()))))
		all := made(b, r, 25)
		keywords := make([]string, 0, len(patternsOf))
		for k := range patternsOf {
			keywords = append(keywords, k)
		}
		slices.Sort(keywords)
		for round := range 300 {
			if round == 100 { // until then no word was prepared
				if err := b.Prepare(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			level := 1 + r.IntN(3)
			asked := map[string]string{}
			for range r.IntN(4) {
				k := keywords[r.IntN(len(keywords))]
				if level < 3 && (k == "ImageComments" || k == "SliceThickness") {
					continue // above the instances they are those of the first
				}
				asked[k] = patternsOf[k][r.IntN(len(patternsOf[k]))]
			}
			var keys []string
			for k, v := range asked {
				if k == "Rows" && v == `""` {
					continue
				}
				keys = append(keys, k+"="+v)
			}
			q := archive.Query{Level: []archive.Level{archive.PatientLevel, archive.StudyLevel, archive.SeriesLevel, archive.ImageLevel}[level], Reach: everybody, Keys: ask(t, keys...)}
			of := []tag.Tag{tag.PatientID, tag.StudyInstanceUID, tag.SeriesInstanceUID, tag.SOPInstanceUID}[level]
			want := expected(all, level, asked)
			got := b.uids(q, of)
			if sorted := slices.Sorted(slices.Values(got)); !slices.Equal(sorted, want) {
				t.Fatalf("round %d, level %d, %v:\ngot  %v\nwant %v", round, level, asked, sorted, want)
			}
			if n, err := b.Count(t.Context(), site, q); err != nil || n != int64(len(want)) {
				t.Fatalf("round %d, level %d, %v: Count = %d, %v; want %d", round, level, asked, n, err, len(want))
			}
			var paged []string
			for q.Limit = 1 + r.IntN(5); ; q.Offset += q.Limit {
				page := b.uids(q, of)
				paged = append(paged, page...)
				if len(page) < q.Limit {
					break
				}
			}
			if !slices.Equal(paged, got) {
				t.Fatalf("round %d, level %d, %v, pages of %d:\ngot  %v\nwant %v", round, level, asked, q.Limit, paged, got)
			}
		}
	})
}

// uids returns one attribute of all that is found.
func (b *bench) uids(q archive.Query, of tag.Tag) []string {
	b.t.Helper()
	var all []string
	for d, err := range b.Find(b.t.Context(), site, q) {
		if err != nil {
			b.t.Fatal(err)
		}
		all = append(all, d.Text(of))
	}
	return all
}

// TestFindPatients does the same with patients, whose keys of studies ask for those of
// one study.
func TestFindPatients(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		for i, p := range []struct{ id, name string }{{"1", "A^B"}, {"2", "C^D"}, {"1", "A^B"}, {"", "No^Id"}, {"", "Also^No"}} {
			b.mustStore(thing{study: i + 1, series: 1, instance: 1, patient: "x", set: func(b *dicom.Builder) {
				b.Text(tag.PatientID, p.id).Text(tag.PatientName, p.name)
			}}.arrival(t), archive.Added)
		}
		for _, c := range []struct {
			keys []string
			want string
		}{
			{nil, "- - 1 2"},
			{[]string{"PatientID=1"}, "1"},
			{[]string{"StudyInstanceUID=1.2.3.2"}, "2"},
			{[]string{"PatientName=*no*"}, "- -"},
		} {
			q := archive.Query{Level: archive.PatientLevel, Reach: everybody, Keys: ask(t, append(c.keys, "PatientID")...)}
			if len(c.keys) > 0 && strings.HasPrefix(c.keys[0], "PatientID") {
				q.Keys = ask(t, c.keys...)
			}
			if got := b.found(q, tag.PatientID); got != c.want {
				t.Errorf("%v: %s; want %s", c.keys, got, c.want)
			}
			if n, err := b.Count(t.Context(), site, q); err != nil || n != int64(len(strings.Fields(c.want))) {
				t.Errorf("%v: Count = %d, %v", c.keys, n, err)
			}
			var paged []string
			for q.Limit = 1; ; q.Offset++ {
				one := b.uids(q, tag.PatientName)
				if len(one) == 0 {
					break
				}
				paged = append(paged, one...)
			}
			if len(paged) != len(strings.Fields(c.want)) {
				t.Errorf("%v: pages give %d", c.keys, len(paged))
			}
		}
		if got := fmt.Sprint(b.uids(archive.Query{Level: archive.PatientLevel, Reach: everybody, Keys: ask(t, "PatientID=1", "NumberOfPatientRelatedStudies")}, tag.NumberOfPatientRelatedStudies)); got != "[2]" {
			t.Errorf("studies of a patient: %s", got)
		}
	})
}
