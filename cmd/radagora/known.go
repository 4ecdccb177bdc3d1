package main

import (
	"context"

	"radagora/db"
)

// noted tells the rooms that show persons that something new is known of one, or that
// they have other identifiers than before, within the transaction that notes it.
func (h *house) noted(ctx context.Context, tx *db.Tx, site string, keys []string) error {
	if h.Worklist == nil { // while the rooms open
		return nil
	}
	if err := h.Worklist.Reface(ctx, tx, site, keys); err != nil || h.Dose == nil {
		return err
	}
	return h.Dose.Sized(ctx, tx, site, keys)
}
