package main

import (
	"context"

	"radagora/access"
	"radagora/dicom/uid"
	"radagora/dose"
	"radagora/dose/embryo"
	"radagora/fault"
)

// openEmbryo opens the room of worksheets about embryos and fetuses.
func (h *house) openEmbryo(ctx context.Context) error {
	h.Embryo = &embryo.Book{DB: h.DB, Journal: h.Journal, Site: h.Sites.Site, Program: versionText(), Now: h.Now}
	return h.DB.Migrate(ctx, "embryo", embryo.Migrations())
}

// embryoStudy returns a study for its worksheets, to those who may see it, and its
// person. That they did is noted. NotFound: it is not in the archive.
func (h *house) embryoStudy(ctx context.Context, study string) (*dose.StoredStudy, string, error) {
	u, err := uid.Parse(study)
	if err != nil {
		return nil, "", notFound("study")
	}
	if err := h.mayStudy(ctx, access.ExaminationRead, u); err != nil {
		return nil, "", err
	}
	kept, err := h.Archive.Study(ctx, at, u)
	if err != nil {
		return nil, "", err
	}
	s, err := h.Dose.Study(ctx, at, study)
	if err != nil && fault.Of(err) == fault.NotFound { // it tells no dose: all lines are typed
		s, err = &dose.StoredStudy{UID: study, Description: kept.Description}, nil
	}
	return s, kept.Person.Reveal(), err
}

// embryoSheet returns a worksheet of a study. NotFound: there is none such of that study.
func (h *house) embryoSheet(ctx context.Context, study, id string) (*embryo.Worksheet, error) {
	w, err := h.Embryo.Find(ctx, h.DB, at, id)
	if err == nil && w.Study != study {
		err = notFound("worksheet")
	}
	return w, err
}

// embryoDeclare declares a sheet on behalf of an account, that holds the right to.
func (h *house) embryoDeclare(ctx context.Context, by, id, reason string, s embryo.Sheet) (*embryo.Worksheet, []embryo.Wrong, error) {
	known, person, err := h.embryoStudy(ctx, s.Study)
	if err != nil {
		return nil, nil, err
	}
	if err := access.Check(ctx, access.EmbryoDeclare, access.Subject{Site: at, Study: s.Study, Person: person}); err != nil {
		return nil, nil, err
	}
	return h.Embryo.Declare(ctx, at, by, person, id, reason, embryo.Known(known, s))
}
