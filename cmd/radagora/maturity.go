package main

import (
	"context"
	"crypto/ed25519"
	"path/filepath"
	"time"

	"radagora/evidence"
	"radagora/maturity"
)

// How long a fact may take where many are asked for, and how many are computed at once.
const (
	factTime      = 5 * time.Second
	factsTogether = 4
)

// openMaturity opens the room that assesses digital maturity and quality stars.
func (h *house) openMaturity(ctx context.Context) error {
	h.Maturity = &maturity.Book{
		DB: h.DB, Journal: h.Journal, Content: h.Content, Site: h.Sites.Site, Now: h.Now, Key: h.shareKey, Facts: h.readings,
	}
	return h.DB.Migrate(ctx, "maturity", maturity.Migrations())
}

// readings reads facts of a site, each within its time.
func (h *house) readings(ctx context.Context, siteID string, ids []string) []evidence.Reading {
	return h.Evidence.Survey(ctx, ids, evidence.Query{Site: siteID}, evidence.Limits{Each: factTime, Together: factsTogether})
}

// shareKeyFile is the seed of the Ed25519 key that signs results for other sites.
const shareKeyFile = "maturity.sign.key"

// shareKey returns the key that signs results for other sites, and makes it the first time.
func (h *house) shareKey() (ed25519.PrivateKey, error) {
	seed, err := keyFile(filepath.Join(h.data, shareKeyFile))
	if err != nil {
		return nil, err
	}
	return ed25519.NewKeyFromSeed(seed[:]), nil
}
