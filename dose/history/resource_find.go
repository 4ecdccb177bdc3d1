package history

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"radagora/access"
	"radagora/db"
	"radagora/fault"
	"radagora/fhir/search"
)

// SummaryParameters are the search parameters by which dose summaries are found: those
// that the guide wants of a server, and those of Observations in general.
func SummaryParameters() []string {
	return []string{"_id", "_lastUpdated", "based-on", "category", "code", "date", "device", "identifier", "part-of", "patient", "subject"}
}

// ReportParameters are the search parameters by which Radiation Summary Reports are found.
func ReportParameters() []string {
	return []string{"_id", "_lastUpdated", "date", "entry", "identifier", "patient", "subject", "type"}
}

// Own reports whether criteria are met by dose summaries alone among Observations.
func Own(list []search.Criterion) bool {
	return slices.ContainsFunc(list, func(c search.Criterion) bool {
		return slices.Contains([]string{"based-on", "device", "identifier", "part-of"}, c.Parameter.Code) ||
			c.Parameter.Code == "code" && c.Modifier == "" && !slices.ContainsFunc(c.Values, func(v search.Value) bool { return v.Code != summary })
	})
}

// A Finder finds studies with a dose of a patient.
type Finder struct {
	Type     string // of the resources: Observation, or Composition; "" is the first
	DB       *db.DB
	Now      func() time.Time
	Subjects search.Column                         // of persons, by the column s.person
	Orders   func(order string) (studies []string) // that belong to an order
}

// Found is a study with a dose, and whom it is about.
type Found struct{ Study, Person string }

const found = `from dose_study s`

// Find returns studies whose summaries meet criteria, of persons within reach who do not
// want their data restricted, the latest first or as asked for; behind is a Study
// Instance UID. Unsupported: a criterion that is not answered.
func (f Finder) Find(ctx context.Context, siteID string, reach access.Reach, a search.Asked) ([]Found, error) {
	s, err := f.statement(siteID, reach, a)
	if err != nil {
		return nil, err
	}
	if a.Sort != "" && a.Sort != "date" {
		return nil, fault.Errorf(fault.Unsupported, "Observations are not sorted by %s", a.Sort)
	}
	down := a.Sort == "" || a.Descending
	if a.Behind != "" {
		s.Behind("s.day", "s.study_uid", "dose_study s", a.Behind, down)
	}
	way := ""
	if down {
		way = " desc"
	}
	return db.List(ctx, f.DB, func(r *db.Rows) (x Found, err error) { return x, r.Scan(&x.Study, &x.Person) },
		`select s.study_uid, s.person `+found+s.String()+` order by s.day`+way+`, s.study_uid`+way+` limit `+strconv.Itoa(a.Limit), s.Args...)
}

// Count returns how many studies meet the criteria.
func (f Finder) Count(ctx context.Context, siteID string, reach access.Reach, a search.Asked) (n int, err error) {
	s, err := f.statement(siteID, reach, a)
	if err != nil {
		return 0, err
	}
	return n, f.DB.QueryRow(ctx, `select count(*) `+found+s.String(), s.Args...).Scan(&n)
}

// statement makes the conditions.
func (f Finder) statement(siteID string, reach access.Reach, a search.Asked) (*search.Statement, error) {
	s := &search.Statement{}
	s.And(`s.site_id = ?`, siteID)
	s.And(`s.person <> '' and s.not_patient = '' and s.day <> ''`)
	s.And(`exists (select 1 from dose_total t where t.site_id = s.site_id and t.study_uid = s.study_uid and t.total is not null)`)
	s.And(`not ` + access.Wished("s.site_id", "s.person", access.Restricted))
	rows, args := reach.Rows(siteID, f.Now(), len(s.Args)+1)
	s.Within(rows, args, "s.person", "s.study_uid")
	constant := func(system, code string) search.Column {
		return search.Column{Match: func(c search.Criterion, v search.Value, arg func(any) string) (string, error) {
			return search.Codes("cast("+arg(code)+" as text)", system, nil).Match(c, v, arg)
		}}
	}
	return s, s.Criteria(a.Criteria, map[string]search.Column{
		"_id":          search.IDs("s.study_uid", orText(f.Type, "Observation"), nil),
		"_lastUpdated": search.Millis(`(select max(o.received_at) from dose_source o where o.site_id = s.site_id and o.study_uid = s.study_uid)`),
		"code":         constant(loinc, summary),
		"type":         constant(loinc, summary), // of a Composition
		"entry":        search.IDs("s.study_uid", "Observation", nil),
		"category":     constant("http://terminology.hl7.org/CodeSystem/observation-category", "imaging"),
		"date":         search.Days("s.day", time.DateOnly, "", a.Zone),
		"device":       search.IDs("s.machine_id", "Device", nil),
		"identifier":   {Match: f.identified},
		"part-of":      search.IDs("s.study_uid", "ImagingStudy", nil),
		"based-on":     {Match: search.IDs("s.study_uid", "ServiceRequest", f.Orders).Match},
		"patient":      f.Subjects,
		"subject":      f.Subjects,
	})
}

func orText(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// identified finds the study of a dose report by its SOP Instance UID, or that of a
// Composition by its own.
func (f Finder) identified(c search.Criterion, v search.Value, arg func(any) string) (string, error) {
	switch {
	case c.Modifier != "" || v.AnyCode:
		return "", fault.Errorf(fault.Unsupported, "search parameter identifier: this form is not answered here")
	case !v.AnySystem && v.System != dicomUID:
		return search.Never, nil
	}
	if f.Type == "Composition" {
		return `s.study_uid = ` + arg(strings.TrimPrefix(v.Code, "urn:oid:")), nil
	}
	return `exists (select 1 from dose_source o where o.site_id = s.site_id and o.study_uid = s.study_uid and o.counted and o.source_id = ` +
		arg(strings.TrimPrefix(v.Code, "urn:oid:")) + `)`, nil
}
