package main

import (
	"crypto/hkdf"
	"crypto/sha256"
	"fmt"
	"io"

	"radagora/archive"
	"radagora/content"
	"radagora/dose"
	"radagora/site"
)

// minimiser returns how identities are replaced in a minimised installation, with a
// key made from that of the installation. Phantoms stay known as such.
func minimiser(key [32]byte, library *content.Library) (*archive.Minimiser, error) {
	own, err := hkdf.Key(sha256.New, key[:], nil, "radagora minimise 1", len(key))
	if err != nil {
		return nil, fmt.Errorf("derive the key of hashes: %w", err)
	}
	apart, err := dose.NotPatient(library, site.Default)
	if err != nil {
		return nil, err
	}
	return &archive.Minimiser{Key: [32]byte(own), Apart: apart}, nil
}

// minimisedText is what is printed when a minimised installation starts.
const minimisedText = `minimised: names, patient IDs, birth dates and accession numbers are not kept, only keyed hashes and ages
  what does not work: finding patients by part of a name; showing who somebody is; comparing names to find duplicates;
  sending objects on under their identity; objects with burned-in annotations or documents inside, which are refused
  what is not seen: a name drawn into pixels or overlays that no attribute mentions; UIDs stay
  the hashes depend on journal.key in the data folder: without it the same patient becomes another
`

// tellMinimised says at the start what does not work.
func (h *house) tellMinimised(w io.Writer) error {
	if !h.Archive.Minimised {
		return nil
	}
	_, err := io.WriteString(w, minimisedText)
	return err
}
