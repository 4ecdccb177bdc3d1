package worklist

import (
	"context"
	"slices"

	"radagora/db"
	"radagora/fault"
)

// Belonging returns the orders that a study belongs to beyond doubt: the one that a
// rule or a person matched it with, and, unless a person decided, those of its patient
// that are active and have one of some other accession numbers, such as its dose
// reports carry. It is for other rooms, within their transactions, and asks nobody
// whether they may.
func (r *Register) Belonging(ctx context.Context, q db.Querier, siteID, study string, accessions []string) ([]Order, error) {
	var match, reason, order, person string
	err := q.QueryRow(ctx, `select match, reason, order_id, person from worklist_study where site_id = $1 and study_uid = $2`, siteID, study).
		Scan(&match, &reason, &order, &person)
	if err != nil && fault.Of(err) != fault.NotFound {
		return nil, err
	}
	var all []Order
	if Match(match) == Matched {
		if all, err = r.orders(ctx, q, `where o.site_id = $1 and o.order_id = $2 and o.state = 'active'`, siteID, order); err != nil {
			return nil, err
		}
	}
	if reason == ByPerson || person == "" {
		return all, nil
	}
	keys := []string{person}
	if r.Keys != nil {
		if keys, err = r.Keys(ctx, q, siteID, person); err != nil {
			return nil, err
		}
	}
	for _, accession := range accessions {
		if accession == "" || len(all) > 0 && all[0].Accession == accession {
			continue // the other orders of that number have studies of their own
		}
		list, err := r.orders(ctx, q, `where o.site_id = $1 and o.accession <> '' and o.accession = $2 and o.state = 'active' order by o.created_at, o.order_id`, siteID, accession)
		if err != nil {
			return nil, err
		}
		for _, o := range list {
			if slices.Contains(keys, o.Person) {
				all = append(all, o)
			}
		}
	}
	return all, nil
}

// Named returns the order of an id, and whether there is one. It is for other rooms,
// within their transactions, and asks nobody whether they may.
func (r *Register) Named(ctx context.Context, q db.Querier, siteID, id string) (Order, bool, error) {
	o, err := r.get(ctx, q, siteID, id)
	if fault.Of(err) == fault.NotFound && err != nil {
		return Order{}, false, nil //nolint:nilerr // there is none, which is what was asked
	}
	return o, err == nil, err
}
