package record

import (
	"context"
	"slices"
	"time"

	"radagora/access"
	"radagora/db"
	"radagora/fault"
	"radagora/fhir/search"
)

// A Query is a search among resources of one type. All criteria must be met.
type Query struct {
	Site, Type string
	Criteria   []search.Criterion
	Sort       []Order // then the oldest first
	Count      int     // how many at most; 0 if only their number is wanted
	Cursor     string  // Next of the page before; "" for the first
	// Reach says of whom whoever asks may see resources; the zero Reach is nobody. What is
	// about nobody is in the reach of those alone who reach everybody.
	Reach access.Reach
	// Hidden finds persons too who want their data restricted, for whoever asks whether
	// there is one already.
	Hidden bool
}

// An Order sorts by a parameter; numbers and quantities have none. Resources without a
// value come first, or last if it is descending.
type Order struct {
	Parameter  *search.Parameter
	Descending bool
}

// A Page is a part of what a Query finds.
type Page struct {
	Matches []Version
	Total   int    // of all pages; -1 if that is not known
	Next    string // Cursor of the next page, "" after the last
}

// The bounds of a query.
const (
	maxSort = 3
	maxPage = 1000
	batch   = 200 // read from the database at once
)

// Find returns a page of what a query finds. Invalid: the cursor is none of this query.
// Unsupported: the type is not kept here, or has no such order.
func (b *Book) Find(ctx context.Context, q db.Querier, query Query) (Page, error) {
	w, err := b.where(query)
	if err != nil {
		return Page{}, err
	}
	after, err := w.position(query.Cursor)
	if err != nil {
		return Page{}, err
	}
	query.Count = min(max(query.Count, 0), maxPage)
	page := Page{Total: -1}
	if w.exact {
		if err := q.QueryRow(ctx, w.count(), w.args...).Scan(&page.Total); err != nil || query.Count == 0 {
			return page, err
		}
	}
	seen, done, err := b.walk(ctx, q, w, query, after, &page)
	if err == nil && done && query.Cursor == "" {
		page.Total = seen
	}
	return page, err
}

// walk reads candidates until the page is full, or to the end if only their number is
// wanted. It returns how many met the criteria, and whether that were all from where
// it began.
func (b *Book) walk(ctx context.Context, q db.Querier, w *where, query Query, after *position, page *Page) (seen int, done bool, err error) {
	now := b.Now()
	zone, err := b.Zone(ctx, q, query.Site, now)
	if err != nil {
		return 0, false, err
	}
	for {
		list, err := db.List(ctx, q, w.scan, w.query(after), w.with(after)...)
		if err != nil {
			return seen, false, err
		}
		for i := range list {
			is, err := Matches(ctx, list[i].Version, query.Criteria, zone, now)
			if err != nil {
				return seen, false, err
			}
			if !is {
				after = &list[i].at
				continue
			}
			if query.Count > 0 && seen == query.Count {
				page.Next = after.String()
				return seen, false, nil
			}
			if seen++; query.Count > 0 {
				page.Matches = append(page.Matches, list[i].Version)
			}
			after = &list[i].at
		}
		if len(list) < batch {
			return seen, true, nil
		}
	}
}

// Matches reports whether a version meets all criteria; zone is that of times without
// one, in minutes east of UTC.
func Matches(ctx context.Context, v Version, criteria []search.Criterion, zone int, now time.Time) (bool, error) {
	for _, c := range criteria {
		entries, err := c.Parameter.Extract(ctx, v.Resource, zone)
		if err != nil || !c.Matches(entries, now) {
			return false, err
		}
	}
	return true, nil
}

// sortable returns the orders of a query.
func (q Query) sortable() ([]Order, error) {
	if len(q.Sort) > maxSort {
		return nil, fault.Errorf(fault.Unsupported, "%s: sorted by more than %d parameters", q.Type, maxSort)
	}
	for _, o := range q.Sort {
		if o.Parameter == nil || slices.Contains([]search.Type{search.Number, search.Quantity}, o.Parameter.Type) {
			return nil, fault.Errorf(fault.Unsupported, "%s: numbers and quantities have no order here", q.Type)
		}
	}
	return q.Sort, nil
}
