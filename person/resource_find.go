package person

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"radagora/access"
	"radagora/db"
	"radagora/fault"
	"radagora/fhir/search"
)

// patientSorts are the columns by which Patients are sorted, by parameter.
var patientSorts = map[string]string{"": "p.resource_id", "family": "p.name_folded", "birthdate": "p.birth_date", "_lastUpdated": "p.changed_ms"}

// PatientParameters are the search parameters by which Patients are found, and those of
// them by which they are sorted.
func PatientParameters() (parameters, sorts []string) {
	return []string{"_id", "_lastUpdated", "birthdate", "family", "gender", "given", "identifier", "name"}, []string{"_lastUpdated", "birthdate", "family"}
}

// BodyParameters are those of Observations.
func BodyParameters() (parameters, sorts []string) {
	return []string{"_id", "_lastUpdated", "category", "code", "date", "patient", "subject"}, []string{"date"}
}

// FindPatients returns cards that meet criteria, of persons within reach who do not want
// their data restricted, in the order asked for, else by id. Unsupported: a criterion
// that is not answered.
func (r *Register) FindPatients(ctx context.Context, q db.Querier, site string, reach access.Reach, a search.Asked) ([]Card, error) {
	s, err := r.patients(ctx, q, site, reach, a)
	if err != nil {
		return nil, err
	}
	column, ok := patientSorts[a.Sort]
	if !ok {
		return nil, fault.Errorf(fault.Unsupported, "Patients are not sorted by %s", a.Sort)
	}
	if a.Behind != "" {
		s.Behind(column, "p.resource_id", "person_patient p", a.Behind, a.Descending)
	}
	way := ""
	if a.Descending {
		way = " desc"
	}
	return db.List(ctx, q, scanCard, `select p.site_id, p.person, p.resource_id, p.issuer, p.identifier, p.name, p.birth_date, p.sex, p.changed_ms
		from person_patient p`+s.String()+` order by `+column+way+`, p.resource_id`+way+` limit `+strconv.Itoa(a.Limit), s.Args...)
}

// CountPatients returns how many cards meet the criteria.
func (r *Register) CountPatients(ctx context.Context, q db.Querier, site string, reach access.Reach, a search.Asked) (n int, err error) {
	s, err := r.patients(ctx, q, site, reach, a)
	if err != nil {
		return 0, err
	}
	return n, q.QueryRow(ctx, `select count(*) from person_patient p`+s.String(), s.Args...).Scan(&n)
}

// patients makes the conditions of a search for Patients.
func (r *Register) patients(ctx context.Context, q db.Querier, site string, reach access.Reach, a search.Asked) (*search.Statement, error) {
	s := &search.Statement{}
	s.And(`p.site_id = ?`, site)
	s.And(`not ` + access.Wished("p.site_id", "p.person", access.Restricted))
	rows, args := reach.Rows(site, r.Now(), len(s.Args)+1)
	s.Within(rows, args, "p.person", "")
	sex := func(code string) []string {
		for sex, gender := range genders {
			if gender == code {
				return []string{sex}
			}
		}
		return nil
	}
	return s, s.Criteria(a.Criteria, map[string]search.Column{
		"_id":          search.IDs("p.resource_id", "Patient", nil),
		"_lastUpdated": search.Millis("p.changed_ms"),
		"birthdate":    search.Days("p.birth_date", "2006-01-02", "", a.Zone),
		"family":       search.Folded("p.name_folded", "p.name", "^", search.Fold, true, false),
		"given":        search.Folded("p.name_folded", "p.name", "^", search.Fold, false, true),
		"name":         search.Folded("p.name_folded", "p.name", "^", search.Fold, true, true),
		"gender":       search.Codes("p.sex", "http://hl7.org/fhir/administrative-gender", sex),
		"identifier":   r.identifierColumn(ctx, q, site),
	})
}

// identifierColumn finds the cards of everybody who has an identifier, also under others
// that are the same person's.
func (r *Register) identifierColumn(ctx context.Context, q db.Querier, site string) search.Column {
	return search.Column{Present: "p.identifier <> ''", Match: func(c search.Criterion, v search.Value, arg func(any) string) (string, error) {
		if c.Modifier == "text" || v.AnyCode {
			return "", fault.Errorf(fault.Unsupported, "search parameter identifier: this form is not answered here")
		}
		keys, err := r.KeysOf(ctx, q, site, v.System, v.Code, v.AnySystem)
		if err != nil {
			return "", err
		}
		return oneOf("p.person", keys, arg), nil
	}}
}

// oneOf returns the condition that a column is one of some texts.
func oneOf(column string, texts []string, arg func(any) string) string {
	if len(texts) == 0 {
		return search.Never
	}
	marks := make([]string, len(texts))
	for i, s := range texts {
		marks[i] = arg(s)
	}
	return column + " in (" + strings.Join(marks, ", ") + ")"
}

// KeysOf returns all keys of those who have an identifier, of the issuer that a system
// stands for or of any.
func (r *Register) KeysOf(ctx context.Context, q db.Querier, site, system, value string, anySystem bool) (keys []string, err error) {
	cards, err := db.List(ctx, q, scanCard, fromCard+`where site_id = $1 and identifier = $2 limit 100`, site, value)
	if err != nil {
		return nil, err
	}
	for _, c := range cards {
		if !anySystem && c.Issuer != IssuerOf(system) || slices.Contains(keys, c.Key) {
			continue
		}
		all, err := r.KeysIn(ctx, q, site, c.Key)
		if err != nil {
			return nil, err
		}
		keys = append(keys, all...)
	}
	return keys, nil
}

// Subjects returns the column of references to Patients, where a table names persons by
// their keys: a Patient leads to everything of the person, under whichever identifier.
func (r *Register) Subjects(ctx context.Context, q db.Querier, site, column string) search.Column {
	var failed error
	plain := search.IDs(column, "Patient", func(id string) []string {
		c, err := r.Card(ctx, q, site, id)
		if err != nil {
			if fault.Of(err) != fault.NotFound {
				failed = err
			}
			return nil
		}
		keys, err := r.KeysIn(ctx, q, site, c.Key)
		if err != nil {
			failed = err
		}
		return keys
	})
	return search.Column{Present: plain.Present, Match: func(c search.Criterion, v search.Value, arg func(any) string) (string, error) {
		if c.Modifier == "identifier" && !v.AnyCode {
			keys, err := r.KeysOf(ctx, q, site, v.System, v.Code, v.AnySystem)
			return oneOf(column, keys, arg), err
		}
		condition, err := plain.Match(c, v, arg)
		if failed != nil {
			return "", failed
		}
		return condition, err
	}}
}

// FindBodies returns facts about bodies that meet criteria, of persons within reach who
// do not want their data restricted, the latest first or as asked for.
func (r *Register) FindBodies(ctx context.Context, q db.Querier, site string, reach access.Reach, a search.Asked) ([]Fact, error) {
	s, err := r.bodies(ctx, q, site, reach, a)
	if err != nil {
		return nil, err
	}
	if a.Sort != "" && a.Sort != "date" {
		return nil, fault.Errorf(fault.Unsupported, "Observations are not sorted by %s", a.Sort)
	}
	down := a.Sort == "" || a.Descending
	if a.Behind != "" {
		s.Behind("f.at_ms", "f.fact_id", "person_fact f", a.Behind, down)
	}
	way := ""
	if down {
		way = " desc"
	}
	return db.List(ctx, q, scanFact, `select f.fact_id, f.site_id, f.person, f.kind, f.value, f.received, f.at_ms, f.last_ms, f.noted_ms, f.source, f.origin, f.doubt
		from person_fact f`+s.String()+` order by f.at_ms`+way+`, f.fact_id`+way+` limit `+strconv.Itoa(a.Limit), s.Args...)
}

// CountBodies returns how many facts meet the criteria.
func (r *Register) CountBodies(ctx context.Context, q db.Querier, site string, reach access.Reach, a search.Asked) (n int, err error) {
	s, err := r.bodies(ctx, q, site, reach, a)
	if err != nil {
		return 0, err
	}
	return n, q.QueryRow(ctx, `select count(*) from person_fact f`+s.String(), s.Args...).Scan(&n)
}

// bodies makes the conditions of a search for Observations.
func (r *Register) bodies(ctx context.Context, q db.Querier, site string, reach access.Reach, a search.Asked) (*search.Statement, error) {
	s := &search.Statement{}
	s.And(`f.site_id = ?`, site)
	s.And(`f.kind in ('height', 'weight', 'pregnancy')`)
	s.And(`not ` + access.Wished("f.site_id", "f.person", access.Restricted))
	rows, args := reach.Rows(site, r.Now(), len(s.Args)+1)
	s.Within(rows, args, "f.person", "")
	kinds := func(is func(b body) bool) (all []string) {
		for _, b := range bodies {
			if is(b) {
				all = append(all, string(b.kind))
			}
		}
		return all
	}
	subjects := r.Subjects(ctx, q, site, "f.person")
	return s, s.Criteria(a.Criteria, map[string]search.Column{
		"_id":          search.IDs("f.fact_id", "Observation", nil),
		"_lastUpdated": search.Millis("f.noted_ms"),
		"code": search.Codes("f.kind", loinc, func(code string) []string {
			return kinds(func(b body) bool { return b.code == code || slices.Contains(b.also, code) })
		}),
		"category": search.Codes("f.kind", categories, func(code string) []string {
			return kinds(func(b body) bool { return b.category == code })
		}),
		"date":    search.Millis("f.at_ms"),
		"patient": subjects,
		"subject": subjects,
	})
}
