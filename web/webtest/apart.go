package webtest

import (
	"context"
	"time"

	"radagora/web"
)

// Apart implements web.DoseCT.
func (w *World) Apart(context.Context, web.DoseQuery) (web.DoseApart, error) {
	if w.Empty {
		return web.DoseApart{}, nil
	}
	return web.DoseApart{NotPatient: 1, Unassigned: 2, Studies: []web.ApartStudy{
		{ID: "e0-0", At: Now().Add(-20 * time.Hour), Room: roomRefs[0], Description: "Example constancy", Events: 1, NotPatient: "example*"},
		{ID: "e1-0", At: Now().Add(-50 * time.Hour), Room: roomRefs[1], Description: "Example head and sinuses", Events: 2, Unassigned: 2},
	}}, nil
}
