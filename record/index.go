package record

import (
	"context"
	"slices"
	"strings"

	"radagora/db"
	"radagora/fhir/search"
)

// mostTerm is how much of a text stands in the index, in characters.
const mostTerm = 200

// identified is what the parameter of a reference is called in the index for the
// identifier of what it leads to.
const identified = ":identifier"

// A row is one value a resource is found by.
type row struct {
	param, term, system string
	first, last         int64
}

// rowOf returns the row of an entry. What it leaves out (how large a number is) is
// asked of the resource itself.
func rowOf(code string, e search.Entry) row {
	x := row{param: code}
	switch e.Type {
	case search.Token:
		x.term, x.system = e.Code, e.System
	case search.String:
		x.term = e.Folded
	case search.URI:
		x.term = e.Text
	case search.Date:
		x.first, x.last = e.First, e.Last
	case search.Number, search.Quantity: // that there is one
	case search.Reference:
		switch {
		case e.Text == "":
			x.param, x.term, x.system = code+identified, e.Code, e.System
		case e.Key == "":
			x.term, x.system = e.Text, e.Text
		default:
			_, id, _ := strings.Cut(e.Key, "/")
			x.term, x.system = e.Key, id
		}
	}
	x.term, x.system = short(x.term), short(x.system)
	return x
}

// short returns the beginning of a text.
func short(s string) string {
	n := 0
	for i := range s {
		if n++; n > mostTerm {
			return s[:i]
		}
	}
	return s
}

// index writes what the newest version of a resource is found by.
func (b *Book) index(ctx context.Context, tx *db.Tx, site string, v Version) error {
	if _, err := tx.Exec(ctx, `delete from record_index where resource_key = $1`, v.Key); err != nil {
		return err
	}
	typ := v.Resource.Type()
	zone, err := b.Zone(ctx, tx, site, v.Updated)
	if err != nil {
		return err
	}
	var rows []row
	for _, p := range search.For(typ) {
		entries, err := p.Extract(ctx, v.Resource, zone)
		if err != nil {
			return err
		}
		for _, e := range entries {
			if x := rowOf(p.Code, e); !slices.Contains(rows, x) {
				rows = append(rows, x)
			}
		}
	}
	for _, x := range rows {
		if _, err := tx.Exec(ctx, `insert into record_index (resource_key, site_id, type, param, term, system, first_us, last_us)
			values ($1, $2, $3, $4, $5, $6, $7, $8)`, v.Key, site, typ, x.param, x.term, x.system, x.first, x.last); err != nil {
			return err
		}
	}
	return nil
}
