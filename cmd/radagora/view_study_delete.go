package main

import (
	"context"

	"radagora/access"
	"radagora/archive"
	"radagora/fault"
	"radagora/web"
)

// Delete implements web.Studies: a study goes, or one of its series.
func (v studiesView) Delete(ctx context.Context, study, series, reason string) error {
	s, err := v.study(ctx, study)
	if err != nil {
		return err
	}
	if err := access.Check(ctx, access.ObjectDelete, access.Subject{Site: at, Person: s.Person.Reveal(), Study: study}); err != nil {
		return err
	}
	t, err := targetFlags{Study: study, Series: series}.target()
	if err != nil {
		return web.Refuse(map[string]string{"series": "delete.wrong_which"})
	}
	_, err = v.Archive.Delete(ctx, at, t, archive.ByPerson, reason)
	switch {
	case err == nil:
		return nil
	case fault.Of(err) == fault.Invalid:
		return web.Refuse(map[string]string{"reason": "storage.wrong_reason"})
	case fault.Of(err) == fault.Conflict:
		return web.Refuse(map[string]string{"series": "delete.held"})
	case fault.Of(err) == fault.NotFound:
		return web.Refuse(map[string]string{"series": "delete.wrong_which"})
	}
	return err
}
