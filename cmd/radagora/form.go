package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"sync"

	"radagora/fhir"
	"radagora/form"
)

// openForms opens the room that asks structured questions. A form of the content that
// cannot be asked keeps the program from starting, as other content with a mistake does.
func (h *house) openForms(ctx context.Context) error {
	h.Forms = &form.Desk{DB: h.DB, Journal: h.Journal, Now: h.Now, Shipped: h.shippedForms(), Evidence: h.Evidence}
	if _, err := h.Forms.Shipped(at); err != nil {
		return err
	}
	return h.DB.Migrate(ctx, "form", form.Migrations())
}

// shippedForms returns the forms of the content as a site sees them, read once.
func (h *house) shippedForms() func(siteID string) ([]fhir.Resource, error) {
	var mu sync.Mutex
	read := map[string][]fhir.Resource{}
	return func(siteID string) ([]fhir.Resource, error) {
		mu.Lock()
		defer mu.Unlock()
		if all, ok := read[siteID]; ok {
			return all, nil
		}
		all := []fhir.Resource{}
		for _, set := range h.Content.OfKind(siteID, "forms") {
			for _, name := range set.Texts() {
				text, err := set.Text(name)
				if err != nil {
					return nil, err
				}
				r, err := fhir.Parse(text)
				if err == nil {
					_, err = form.Open(r)
				}
				if err != nil {
					return nil, fmt.Errorf("content %s/%s.json: %w", set.ID, name, err)
				}
				all = append(all, r)
			}
		}
		read[siteID] = all
		return all, nil
	}
}

// onLines writes a resource over several lines.
func onLines(r fhir.Resource) string {
	var b bytes.Buffer
	if err := json.Indent(&b, r.JSON(), "", "  "); err != nil {
		return string(r.JSON())
	}
	return b.String()
}
