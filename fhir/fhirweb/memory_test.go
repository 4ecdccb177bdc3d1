package fhirweb_test

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"sync"
	"time"

	"radagora/fault"
	"radagora/fhir/fhirweb"
	"radagora/fhir/search"
)

// A memory keeps resources in memory: all their versions, the oldest first, by type and
// id.
type memory struct {
	sync.Mutex
	now time.Time
	all map[string][]fhirweb.Stored
}

func (m *memory) Read(_ context.Context, typ, id string) (fhirweb.Stored, error) {
	m.Lock()
	defer m.Unlock()
	versions := m.all[typ+"/"+id]
	if len(versions) == 0 {
		return fhirweb.Stored{}, fault.Errorf(fault.NotFound, "there is no such resource")
	}
	return versions[len(versions)-1], nil
}

func (m *memory) ReadVersion(_ context.Context, typ, id, version string) (fhirweb.Stored, error) {
	m.Lock()
	defer m.Unlock()
	for _, st := range m.all[typ+"/"+id] {
		if st.Version == version {
			return st, nil
		}
	}
	return fhirweb.Stored{}, fault.Errorf(fault.NotFound, "there is no such version")
}

func (m *memory) History(_ context.Context, typ, id string) ([]fhirweb.Stored, error) {
	m.Lock()
	defer m.Unlock()
	all := slices.Clone(m.all[typ+"/"+id])
	slices.Reverse(all)
	return all, nil
}

func (m *memory) Search(ctx context.Context, q fhirweb.Query) (fhirweb.Page, error) {
	m.Lock()
	defer m.Unlock()
	found, err := m.find(ctx, q)
	if err != nil {
		return fhirweb.Page{}, err
	}
	page := fhirweb.Page{Total: len(found)}
	from, _ := strconv.Atoi(q.Cursor)
	found = found[min(from, len(found)):]
	if q.Count > 0 && len(found) > q.Count {
		page.Next = strconv.Itoa(from + q.Count)
	}
	page.Matches = found[:min(q.Count, len(found))]
	return page, nil
}

// find returns what meets the criteria, in order.
func (m *memory) find(ctx context.Context, q fhirweb.Query) (found []fhirweb.Stored, err error) {
	for _, versions := range m.all {
		st := versions[len(versions)-1]
		if st.Resource.Type() != q.Type {
			continue
		}
		is, err := m.matches(ctx, q, st)
		if err != nil {
			return nil, err
		}
		if is {
			found = append(found, st)
		}
	}
	slices.SortFunc(found, func(a, b fhirweb.Stored) int {
		for _, order := range q.Sort {
			c := cmp.Compare(m.key(ctx, order.Parameter, a), m.key(ctx, order.Parameter, b))
			if order.Descending {
				c = -c
			}
			if c != 0 {
				return c
			}
		}
		return cmp.Compare(a.Resource.ID(), b.Resource.ID())
	})
	return found, nil
}

func (m *memory) matches(ctx context.Context, q fhirweb.Query, st fhirweb.Stored) (bool, error) {
	for _, c := range q.Criteria {
		entries, err := c.Parameter.Extract(ctx, st.Resource, 0)
		if err != nil || !c.Matches(entries, m.now) {
			return false, err
		}
	}
	return true, nil
}

func (m *memory) key(ctx context.Context, p *search.Parameter, st fhirweb.Stored) string {
	entries, _ := p.Extract(ctx, st.Resource, 0)
	if len(entries) == 0 {
		return ""
	}
	e := entries[0]
	return e.Folded + e.Code + e.Text + strconv.FormatInt(e.First, 10)
}

func (m *memory) Write(ctx context.Context, changes []fhirweb.Change) ([]fhirweb.Written, error) {
	m.Lock()
	defer m.Unlock()
	kept := make([]*fhirweb.Stored, len(changes))
	changes = slices.Clone(changes)
	for i := range changes {
		c := &changes[i]
		condition := c.Unless
		if condition == nil {
			condition = c.Where
		}
		if condition == nil {
			continue
		}
		found, err := m.find(ctx, *condition)
		switch {
		case err != nil:
			return nil, err
		case len(found) > 1:
			return nil, fault.Errorf(fault.Conflict, "several resources meet the condition")
		case len(found) == 1:
			if err := c.Resource.Set("id", found[0].Resource.ID()); err != nil {
				return nil, err
			}
			if c.Create {
				kept[i] = &found[0]
			}
		}
	}
	for _, c := range changes {
		versions := m.all[c.Resource.Type()+"/"+c.Resource.ID()]
		if c.IfMatch != "" && (len(versions) == 0 || versions[len(versions)-1].Version != c.IfMatch) {
			return nil, fault.Errorf(fault.Conflict, "another version is the newest")
		}
	}
	out := make([]fhirweb.Written, len(changes))
	for i, c := range fhirweb.Relink(changes) {
		if kept[i] != nil {
			out[i] = fhirweb.Written{Stored: *kept[i], Kept: true}
			continue
		}
		key := c.Resource.Type() + "/" + c.Resource.ID()
		m.now = m.now.Add(time.Second)
		st := fhirweb.Stored{Resource: c.Resource, Version: strconv.Itoa(len(m.all[key]) + 1), Updated: m.now}
		m.all[key] = append(m.all[key], st)
		out[i] = fhirweb.Written{Stored: st, Created: st.Version == "1"}
	}
	return out, nil
}
