package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"radagora/dicom"
	"radagora/dicom/dimse"
	"radagora/dicom/tag"
	"radagora/dicom/uid"
	"radagora/fault"
	"radagora/site"
)

type sendCmd struct {
	To    string   `required:"" placeholder:"TITLE=HOST:PORT" help:"Where to send."`
	AE    string   `default:"RADAGORA" help:"Our application entity title."`
	Paths []string `arg:"" name:"path" help:"DICOM file or folder."`
}

func (sendCmd) Help() string {
	return `Sends DICOM files to a peer over an association (C-STORE), each in the transfer syntax it is in, and prints
what the peer answered where that was not success. Exits with 1 if any file could not be sent.

Example:

    radagora send --to RADAGORA=127.0.0.1:11112 reports/`
}

// A parcel is a file to be sent.
type parcel struct {
	name                    string
	class, instance, syntax uid.UID
	start, size             int64
}

// Run sends all files over as few associations as presentation contexts allow.
func (c sendCmd) Run(ctx context.Context, sys *system) error {
	title, addr, err := peerOf(c.To)
	if err != nil {
		return usageError{err}
	}
	parcels, bad := c.collect(sys)
	sent := 0
	for batch := range batches(parcels) {
		n, err := c.send(ctx, sys, title, addr, batch)
		sent += n
		if err != nil {
			return err
		}
	}
	all := len(parcels) + bad
	fmt.Fprintf(sys.Out, "%d sent, %d not\n", sent, all-sent)
	if sent < all {
		return fault.Errorf(fault.Invalid, "%d of %d files could not be sent", all-sent, all)
	}
	return nil
}

// collect reads the heads of all files.
func (c sendCmd) collect(sys *system) (all []parcel, bad int) {
	for _, path := range c.Paths {
		err := filepath.WalkDir(followed(path), func(name string, d fs.DirEntry, err error) error {
			if err == nil && !d.Type().IsRegular() {
				return nil
			}
			var p parcel
			if err == nil {
				p, err = head(name)
			}
			if err != nil {
				bad++
				fmt.Fprintf(sys.Err, "not sent: %s: %v\n", name, err)
				return nil
			}
			all = append(all, p)
			return nil
		})
		if err != nil {
			bad++
			fmt.Fprintf(sys.Err, "not sent: %s: %v\n", path, err)
		}
	}
	return all, bad
}

// head reads what a file has to be announced as.
func head(name string) (parcel, error) {
	f, err := os.Open(name)
	if err != nil {
		return parcel{}, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return parcel{}, err
	}
	file, err := dicom.Open(f, info.Size(), &dicom.Options{StopAt: tag.StudyDate})
	if err != nil {
		return parcel{}, err
	}
	p := parcel{
		name: name, class: file.UID(tag.SOPClassUID), instance: file.UID(tag.SOPInstanceUID), syntax: file.TransferSyntax,
		start: file.Start, size: info.Size(),
	}
	if p.class.IsZero() || p.instance.IsZero() {
		return p, fault.Errorf(fault.Invalid, "it does not say what it is: no SOP Class or Instance UID")
	}
	return p, nil
}

// maxContexts is how many presentation contexts an association can have
// (PS3.8 9.3.2: odd numbers of one byte).
const maxContexts = 128

// batches divides parcels so that each part fits into one association.
func batches(all []parcel) func(func([]parcel) bool) {
	return func(yield func([]parcel) bool) {
		from, seen := 0, map[[2]uid.UID]bool{}
		for i, p := range all {
			k := [2]uid.UID{p.class, p.syntax}
			if !seen[k] && len(seen) == maxContexts {
				if !yield(all[from:i]) {
					return
				}
				from, seen = i, map[[2]uid.UID]bool{}
			}
			seen[k] = true
		}
		if from < len(all) {
			yield(all[from:])
		}
	}
}

// send sends a batch over one association and returns how many arrived.
func (c sendCmd) send(ctx context.Context, sys *system, title, addr string, batch []parcel) (int, error) {
	var propose []dimse.Proposal
	for _, p := range batch {
		if !slices.ContainsFunc(propose, func(x dimse.Proposal) bool { return x.SOPClass == p.class && x.Syntaxes[0] == p.syntax }) {
			propose = append(propose, dimse.Proposal{SOPClass: p.class, Syntaxes: []uid.UID{p.syntax}})
		}
	}
	assoc, err := dimse.Dial(ctx, addr, dimse.Config{Calling: c.AE, Called: title, Propose: propose, Now: sys.Now, Log: sys.Log})
	if err != nil {
		return 0, err
	}
	sent := 0
	for _, p := range batch {
		status, err := store(ctx, assoc, p)
		if err == nil {
			err = status.Err()
		}
		if err != nil {
			fmt.Fprintf(sys.Err, "not sent: %s: %v\n", p.name, err)
			if ctx.Err() != nil {
				assoc.Abort()
				return sent, ctx.Err()
			}
			continue
		}
		sent++
	}
	return sent, assoc.Release(ctx)
}

// store sends one file.
func store(ctx context.Context, assoc *dimse.Association, p parcel) (status dimse.Status, err error) {
	f, err := os.Open(p.name)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return assoc.Store(ctx, dimse.Outgoing{
		SOPClass: p.class, SOPInstance: p.instance, TransferSyntax: p.syntax,
		Data: io.NewSectionReader(f, p.start, p.size-p.start),
	})
}

// peerOf parses TITLE=HOST:PORT.
func peerOf(s string) (title, addr string, err error) {
	p, err := site.ParsePeer(s)
	if err != nil {
		return "", "", fmt.Errorf("--to: %w", err)
	}
	return p.AETitle, p.Address(), nil
}
