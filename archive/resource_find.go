package archive

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

// ImagingParameters are the search parameters by which ImagingStudies are found, and those
// of them by which they are sorted.
func ImagingParameters() (parameters, sorts []string) {
	return []string{"_id", "_lastUpdated", "basedon", "endpoint", "identifier", "modality", "patient", "started", "status", "subject"}, []string{"_lastUpdated", "started"}
}

// Elsewhere are the columns of what other rooms know, by which studies are searched.
type Elsewhere struct {
	Subjects search.Column                         // of persons, by the column study.person
	Orders   func(order string) (studies []string) // that belong to an order
}

// imagingColumns are where ImagingStudies are searched.
func imagingColumns(e Elsewhere, zone int) map[string]search.Column {
	return map[string]search.Column{
		"_id":          search.IDs("study.study_uid", "ImagingStudy", nil),
		"_lastUpdated": search.Millis("study.updated_at"),
		"basedon":      {Match: search.IDs("study.study_uid", "ServiceRequest", e.Orders).Match},
		"endpoint":     endpointColumn(),
		"identifier":   {Match: identified},
		"modality":     {Present: `study.modalities <> ''`, Match: ofModality},
		"patient":      e.Subjects,
		"subject":      e.Subjects,
		"started":      search.Days("study.study_date", "20060102", "study.study_time", zone),
		"status":       {Match: available},
	}
}

// endpointColumn finds every study at the one Endpoint.
func endpointColumn() search.Column {
	return search.Column{Match: func(c search.Criterion, v search.Value, arg func(any) string) (string, error) {
		return search.IDs("cast("+arg(EndpointID)+" as text)", "Endpoint", nil).Match(c, v, arg)
	}}
}

// identified finds a study by its UID or accession number.
func identified(c search.Criterion, v search.Value, arg func(any) string) (string, error) {
	switch {
	case c.Modifier == "text" || v.AnyCode:
		return "", fault.Errorf(fault.Unsupported, "search parameter identifier: this form is not answered here")
	case v.AnySystem:
		code := arg(strings.TrimPrefix(v.Code, "urn:oid:"))
		return "study.study_uid = " + code + " or study.accession_number <> '' and study.accession_number = " + code, nil
	case v.System == dicomUID:
		return "study.study_uid = " + arg(v.Code), nil
	case v.System == "":
		return "study.accession_number <> '' and study.accession_number = " + arg(v.Code), nil
	}
	return search.Never, nil
}

// ofModality finds studies of which a series has a modality.
func ofModality(c search.Criterion, v search.Value, arg func(any) string) (string, error) {
	switch {
	case c.Modifier == "text" || v.AnyCode:
		return "", fault.Errorf(fault.Unsupported, "search parameter modality: this form is not answered here")
	case !v.AnySystem && v.System != dcm:
		return search.Never, nil
	}
	return `exists (select 1 from series where series.study = study.id and series.modality = ` + arg(v.Code) + `)`, nil
}

// available finds every study: those that are here are.
func available(c search.Criterion, v search.Value, _ func(any) string) (string, error) {
	if c.Modifier == "text" {
		return "", fault.Errorf(fault.Unsupported, "search parameter status: this form is not answered here")
	}
	if v.AnyCode || v.Code == "available" && (v.AnySystem || v.System == "http://hl7.org/fhir/imagingstudy-status") {
		return "1 = 1", nil
	}
	return search.Never, nil
}

// FindImaging returns studies that meet criteria, within reach and of persons who do not
// want their data restricted, the latest first or as asked for; behind is a Study
// Instance UID. Whoever may not see identities gets them without, and it is Forbidden
// to search by them. Unsupported: a criterion that is not answered.
func (a *Archive) FindImaging(ctx context.Context, site string, reach access.Reach, e Elsewhere, q search.Asked) ([]Study, error) {
	s, err := a.imagings(site, reach, e, q)
	if err != nil {
		return nil, err
	}
	column, down := "study.study_date || study.study_time", q.Sort == "" || q.Descending
	order := []string{"study.study_date", "study.study_time", "study.id"}
	switch q.Sort {
	case "", "started":
	case "_lastUpdated":
		column, order = "study.updated_at", []string{"study.updated_at", "study.id"}
	default:
		return nil, fault.Errorf(fault.Unsupported, "ImagingStudies are not sorted by %s", q.Sort)
	}
	if q.Behind != "" {
		if err := a.behind(ctx, s, site, column, order, q.Behind, down); err != nil {
			return nil, err
		}
	}
	way := ""
	if down {
		way = " desc"
	}
	if q.Sort != "_lastUpdated" && (!reach.All || few(q.Criteria)) { // find them first, and sort them then
		order[0] += " || ''"
	}
	list, err := db.List(ctx, a.DB, scanStudy, fromStudy+s.String()+` order by `+strings.Join(order, way+", ")+way+` limit `+strconv.Itoa(q.Limit), s.Args...)
	if !reach.Identity {
		for i := range list {
			list[i].conceal()
		}
	}
	return list, err
}

// few reports whether criteria leave few studies, found by an index of their own.
func few(list []search.Criterion) bool {
	return slices.ContainsFunc(list, func(c search.Criterion) bool {
		return c.Modifier == "" && slices.Contains([]string{"_id", "identifier", "patient", "subject", "basedon"}, c.Parameter.Code)
	})
}

// behind leaves the studies behind one.
func (a *Archive) behind(ctx context.Context, s *search.Statement, site, column string, order []string, last string, down bool) error {
	list, err := db.List(ctx, a.DB, func(r *db.Rows) (x struct {
		date, clock, id string
		updated         int64
	}, err error,
	) {
		return x, r.Scan(&x.date, &x.clock, &x.id, &x.updated)
	}, `select study_date, study_time, id, updated_at from study where site_id = $1 and study_uid = $2`, site, last)
	if err != nil {
		return err
	}
	if len(list) == 0 {
		s.And(search.Never) // it went meanwhile
		return nil
	}
	than, x := " > ", list[0]
	if down {
		than = " < "
	}
	if column == order[0] {
		at, id := s.Arg(x.updated), s.Arg(x.id)
		s.And("(" + order[0] + than + at + " or " + order[0] + " = " + at + " and study.id" + than + id + ")")
		return nil
	}
	d, c, id := s.Arg(x.date), s.Arg(x.clock), s.Arg(x.id)
	s.And("(study.study_date" + than + d + " or study.study_date = " + d + " and (study.study_time" + than + c + " or study.study_time = " + c + " and study.id" + than + id + "))")
	return nil
}

// CountImaging returns how many studies meet the criteria.
func (a *Archive) CountImaging(ctx context.Context, site string, reach access.Reach, e Elsewhere, q search.Asked) (n int, err error) {
	s, err := a.imagings(site, reach, e, q)
	if err != nil {
		return 0, err
	}
	return n, a.DB.QueryRow(ctx, `select count(*) from study`+s.String(), s.Args...).Scan(&n)
}

// imagings makes the conditions of a search for ImagingStudies.
func (a *Archive) imagings(site string, reach access.Reach, e Elsewhere, q search.Asked) (*search.Statement, error) {
	for _, c := range q.Criteria {
		if !reach.Identity && slices.Contains([]string{"patient", "subject", "identifier", "basedon"}, c.Parameter.Code) && reach.Own == "" {
			return nil, fault.Errorf(fault.Forbidden, "searching by patient, order or identifier is for those who may see identities")
		}
	}
	s := &search.Statement{}
	s.And(`study.site_id = ?`, site)
	s.And(`not exists (select 1 from study_person where study_person.study = study.id and ` +
		access.Wished("study_person.site_id", "study_person.person", access.Restricted) + `)`)
	rows, args := reach.Rows(site, a.Now(), len(s.Args)+1)
	s.Within(rows, args, "study.person", "study.study_uid")
	return s, s.Criteria(q.Criteria, imagingColumns(e, q.Zone))
}

// SeriesIn returns the series of some studies by the ids of these, in the order of their
// numbers, at most max of all.
func (a *Archive) SeriesIn(ctx context.Context, studies []Study, most int) (map[string][]Series, error) {
	if len(studies) == 0 {
		return nil, nil
	}
	s := &search.Statement{}
	marks := make([]string, len(studies))
	for i, one := range studies {
		marks[i] = s.Arg(one.ID)
	}
	list, err := db.List(ctx, a.DB, scanSeries, fromSeries+`where study in (`+strings.Join(marks, ", ")+`)
		order by study, coalesce(series_number, 2147483647), series.id limit `+strconv.Itoa(most), s.Args...)
	of := map[string][]Series{}
	for _, one := range list {
		of[one.Study] = append(of[one.Study], one)
	}
	return of, err
}
