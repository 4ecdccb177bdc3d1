package archive

import (
	"context"

	"radagora/dicom"
	"radagora/dicom/tag"
	"radagora/fault"
)

// A shelf holds the headers of one series, as prepared, for rows that follow each other.
type shelf struct {
	series string
	of     map[string]members // by SOP Instance UID
}

// maxShelf bounds how many instances of a series are held at a time.
const maxShelf = 5_000

// headOf returns the header of an instance, from the prepared metadata of its series.
func (p *plan) headOf(ctx context.Context, r row) (members, error) {
	if id := r.text("series.id"); p.shelf.series != id {
		held, err := p.a.shelve(ctx, id)
		if err != nil {
			return nil, err
		}
		p.shelf = shelf{id, held}
	}
	if m, ok := p.shelf.of[r.text("instance.sop_uid")]; ok {
		return p.a.overlaid(ctx, p.site, r, m)
	}
	i, err := p.instance(r)
	if err != nil {
		return nil, err
	}
	d, err := p.a.head(ctx, i)
	if fault.Of(err) == fault.NotFound && err != nil {
		return nil, nil //nolint:nilerr // deleted since the row was read
	}
	if err != nil {
		return nil, err
	}
	m, err := membersOf(d)
	if err != nil {
		return nil, err
	}
	return p.a.overlaid(ctx, p.site, r, m)
}

// shelve cuts the metadata of a series up.
func (a *Archive) shelve(ctx context.Context, series string) (map[string]members, error) {
	list, err := a.prepared(ctx, `series.id = $1`, series)
	if err != nil || len(list) == 0 {
		return nil, err
	}
	held := map[string]members{}
	err = list[0].objects(func(object []byte) error {
		m, err := cut(append([]byte(nil), object...))
		if err == nil && len(held) < maxShelf {
			held[m.uid(tag.SOPInstanceUID)] = m
		}
		return err
	})
	return held, err
}

// firsts returns the header of the first instance of a series, or of every series of a
// study if series is "", in the order of their numbers.
func (a *Archive) firsts(ctx context.Context, r row, site, study, series string) ([]members, error) {
	list, err := a.prepared(ctx, `study.id = $1 and (cast($2 as text) = '' or series.id = $2)`, study, series)
	if err != nil {
		return nil, err
	}
	var heads []members
	for _, p := range list {
		err := p.objects(func(object []byte) error {
			m, err := cut(append([]byte(nil), object...))
			if err != nil {
				return err
			}
			if m, err = a.overlaid(ctx, site, r, m); err != nil {
				return err
			}
			heads = append(heads, m)
			return errStop
		})
		if err != nil {
			return nil, err
		}
	}
	return heads, nil
}

// overlaid returns members with what was corrected.
func (a *Archive) overlaid(ctx context.Context, site string, r row, m members) (members, error) {
	v, err := a.overlaying(ctx, site, r.text("study.study_uid"), r.text("study.corrected"))
	if err != nil {
		return nil, err
	}
	return v.over(m)
}

// head reads the header of an instance as received: everything before the pixels. Values of more
// than some ten thousand bytes are not kept.
func (a *Archive) head(ctx context.Context, i Instance) (*dicom.Dataset, error) {
	o, err := a.OpenReceived(ctx, i)
	if err != nil {
		return nil, err
	}
	defer o.Close()
	f, err := o.Read(&dicom.Options{StopAt: firstPixels})
	if err != nil {
		return nil, unreadable(f, err)
	}
	return f.Dataset, nil
}
