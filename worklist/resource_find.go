package worklist

import (
	"context"
	"strconv"
	"strings"

	"radagora/access"
	"radagora/db"
	"radagora/fault"
	"radagora/fhir/search"
	"radagora/person"
)

// RequestParameters are the search parameters by which ServiceRequests are found, and
// those of them by which they are sorted.
func RequestParameters() (parameters, sorts []string) {
	return []string{"_id", "_lastUpdated", "authored", "code", "identifier", "intent", "occurrence", "patient", "status", "subject"}, []string{"_lastUpdated", "authored"}
}

// requestColumns are where ServiceRequests are searched; $1 is the site.
func requestColumns(subjects search.Column) map[string]search.Column {
	began := search.Millis("s.start_at")
	return map[string]search.Column{
		"_id":          search.IDs("o.order_id", "ServiceRequest", nil),
		"_lastUpdated": search.Millis("o.changed_at"),
		"authored":     search.Millis("o.authored_at"),
		"code":         {Present: "o.code_value <> ''", Match: ofCode},
		"identifier":   {Match: numbered},
		"intent":       search.Codes("'order'", "http://hl7.org/fhir/request-intent", nil),
		"occurrence": {Match: func(c search.Criterion, v search.Value, arg func(any) string) (string, error) {
			is, err := began.Match(c, v, arg)
			return `o.order_id in (select s.order_id from worklist_step s where s.site_id = $1 and s.number = 1 and (` + is + `))`, err
		}},
		"patient": subjects,
		"subject": subjects,
		"status":  {Match: ofStatus},
	}
}

// ofCode finds orders by what is to be done.
func ofCode(c search.Criterion, v search.Value, arg func(any) string) (string, error) {
	var all []string
	if c.Modifier == "text" {
		return "", fault.Errorf(fault.Unsupported, "search parameter code: this form is not answered here")
	}
	if !v.AnyCode {
		all = append(all, "o.code_value <> '' and o.code_value = "+arg(v.Code))
	}
	if !v.AnySystem {
		all = append(all, "o.code_system = "+arg(v.System))
	}
	return strings.Join(all, " and "), nil
}

// numbered finds orders by a number.
func numbered(c search.Criterion, v search.Value, arg func(any) string) (string, error) {
	if c.Modifier == "text" || v.AnyCode {
		return "", fault.Errorf(fault.Unsupported, "search parameter identifier: this form is not answered here")
	}
	n := arg(strings.TrimPrefix(v.Code, "urn:oid:"))
	own := "o.placer <> '' and o.placer = " + n + " or o.filler <> '' and o.filler = " + n
	switch {
	case v.AnySystem:
		return own + " or o.accession <> '' and o.accession = " + n + " or o.study_uid = " + n, nil
	case v.System == dicomUID:
		return "o.study_uid = " + n, nil
	case v.System == "":
		return own + " or o.accession <> '' and o.accession = " + n + " and o.accession_issuer = ''", nil
	}
	return "o.accession <> '' and o.accession = " + n + " and o.accession_issuer = " + arg(person.IssuerOf(v.System)), nil
}

// steps is a condition about the steps of an order.
func steps(states string) string {
	return `exists (select 1 from worklist_step s where s.order_id = o.order_id and s.state in (` + states + `))`
}

// ofStatus finds orders by how far they are, as requestStatus says.
func ofStatus(c search.Criterion, v search.Value, _ func(any) string) (string, error) {
	if c.Modifier == "text" || v.AnyCode {
		return "", fault.Errorf(fault.Unsupported, "search parameter status: this form is not answered here")
	}
	done := `(` + steps(`'completed'`) + ` and not ` + steps(`'scheduled', 'arrived', 'in_progress'`) + `)`
	switch {
	case !v.AnySystem && v.System != "http://hl7.org/fhir/request-status":
		return search.Never, nil
	case v.Code == "revoked":
		return `o.state = 'cancelled'`, nil
	case v.Code == "completed":
		return `o.state <> 'cancelled' and ` + done, nil
	case v.Code == "active":
		return `o.state <> 'cancelled' and not ` + done, nil
	}
	return search.Never, nil
}

// FindRequests returns orders that meet criteria, within reach and of persons who do not
// want their data restricted, what was authored latest first or as asked for. subjects is
// the column of whom they are about: o.person. Unsupported: a criterion that is not
// answered.
func (r *Register) FindRequests(ctx context.Context, q db.Querier, siteID string, reach access.Reach, subjects search.Column, a search.Asked) ([]Order, error) {
	s, err := r.requests(siteID, reach, subjects, a)
	if err != nil {
		return nil, err
	}
	column, down := "o.authored_at", a.Sort == "" || a.Descending
	switch a.Sort {
	case "", "authored":
	case "_lastUpdated":
		column = "o.changed_at"
	default:
		return nil, fault.Errorf(fault.Unsupported, "ServiceRequests are not sorted by %s", a.Sort)
	}
	if a.Behind != "" {
		s.Behind(column, "o.order_id", "worklist_order o", a.Behind, down)
	}
	way := ""
	if down {
		way = " desc"
	}
	return r.orders(ctx, q, s.String()+` order by `+column+way+`, o.order_id`+way+` limit `+strconv.Itoa(a.Limit), s.Args...)
}

// CountRequests returns how many orders meet the criteria.
func (r *Register) CountRequests(ctx context.Context, q db.Querier, siteID string, reach access.Reach, subjects search.Column, a search.Asked) (n int, err error) {
	s, err := r.requests(siteID, reach, subjects, a)
	if err != nil {
		return 0, err
	}
	return n, q.QueryRow(ctx, `select count(*) from worklist_order o`+s.String(), s.Args...).Scan(&n)
}

// requests makes the conditions of a search for ServiceRequests.
func (r *Register) requests(siteID string, reach access.Reach, subjects search.Column, a search.Asked) (*search.Statement, error) {
	s := &search.Statement{}
	s.And(`o.site_id = ?`, siteID)
	s.And(`not ` + access.Wished("o.site_id", "o.person", access.Restricted))
	rows, args := reach.Rows(siteID, r.Now(), len(s.Args)+1)
	s.Within(rows, args, "o.person", "")
	return s, s.Criteria(a.Criteria, requestColumns(subjects))
}

// Request returns an order by its id, for whoever may see it. NotFound: there is none.
func (r *Register) Request(ctx context.Context, q db.Querier, siteID, id string) (Order, error) {
	return r.get(ctx, q, siteID, id)
}

// OrdersOf returns to which orders studies belong, and the studies of an order.
func (r *Register) OrdersOf(ctx context.Context, siteID string, studies []string) (map[string]string, error) {
	of := map[string]string{}
	if len(studies) == 0 {
		return of, nil
	}
	s := &search.Statement{}
	s.And(`site_id = ?`, siteID)
	s.And(`match = 'matched'`)
	marks := make([]string, len(studies))
	for i, u := range studies {
		marks[i] = s.Arg(u)
	}
	s.And(`study_uid in (` + strings.Join(marks, ", ") + `)`)
	_, err := db.List(ctx, r.DB, func(rows *db.Rows) (x struct{}, err error) {
		var study, order string
		err = rows.Scan(&study, &order)
		if order != "" {
			of[study] = order
		}
		return x, err
	}, `select study_uid, order_id from worklist_study`+s.String(), s.Args...)
	return of, err
}

// StudiesOf returns the studies that belong to an order.
func (r *Register) StudiesOf(ctx context.Context, siteID, order string) ([]string, error) {
	return db.List(ctx, r.DB, func(rows *db.Rows) (u string, err error) { return u, rows.Scan(&u) },
		`select study_uid from worklist_study where site_id = $1 and order_id <> '' and order_id = $2 and match = 'matched' order by study_uid limit 200`, siteID, order)
}
