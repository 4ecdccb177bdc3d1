package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"radagora/blob"
	"radagora/blob/disk"
	"radagora/blob/s3"
	"radagora/fault"
	"radagora/outgoing"
)

// storageSettings say where objects are kept.
type storageSettings struct {
	Blobs       string        `setting:"" placeholder:"s3://BUCKET/PREFIX?endpoint=URL" help:"Keep packs in this object store, where several processes may share it; without it, in the data folder."`
	BlobsKey    string        `setting:"" name:"blobs-key" secret:"" placeholder:"KEY" help:"Access key of that store."`
	BlobsSecret string        `setting:"" name:"blobs-secret" secret:"" placeholder:"SECRET" help:"Secret of that key."`
	BlobsCache  int64         `setting:"" name:"blobs-cache" default:"0" help:"Write packs in the data folder first, move sealed ones to --blobs, and keep this many GiB of them here. For one process; 0 writes to --blobs at once."`
	Second      string        `setting:"" placeholder:"FOLDER|s3://…" help:"Copy sealed packs to this second place, too: a folder, best on another machine's disk, or an object store."`
	SecondKey   string        `setting:"" name:"second-key" secret:"" placeholder:"KEY" help:"Access key of that store."`
	SecondSec   string        `setting:"" name:"second-secret" secret:"" placeholder:"SECRET" help:"Secret of that key."`
	SecondLate  time.Duration `setting:"" name:"second-late" default:"24h" help:"Warn when a pack is not in the second place after this time."`
	SealAfter   time.Duration `setting:"" name:"seal-after" default:"1h" help:"Seal a pack after this time even if it is not full, so that it can be copied. Only with --blobs-cache or --second."`
	Floor       int64         `setting:"" name:"floor" default:"1024" help:"Take no more objects when less than this many MiB of the disk are free, or a hundredth of it if that is less. 0: until it is full."`
	Quota       int64         `setting:"" name:"quota" default:"0" help:"How many GiB objects may take; 0 for as many as the disk has. For the forecast, and no more are taken beyond it."`
	TrashDays   int           `setting:"" name:"trash-days" default:"7" help:"How many days what was deleted can be brought back; 0 for not at all."`
	RetainAlone bool          `setting:"" name:"retain-alone" help:"One person may delete studies whose time is over. Without it, a second one has to agree."`
	ScrubRate   int64         `setting:"" name:"scrub-rate" default:"20" help:"How many MiB a second the integrity scrub reads at most; 0 to switch it off."`
	ScrubDays   int           `setting:"" name:"scrub-days" default:"30" help:"How many days the scrub may take to have read every pack once."`
}

// several reports whether other processes may work on the same objects.
func (s settings) several() bool { return s.Blobs != "" && s.BlobsCache == 0 }

// openPacks opens the stores of packs. The packs of the data folder are open in every
// case: their lock says that nobody else is at work there, or else that a command which
// keeps no object works beside the process that does.
func (s settings) openPacks(ctx context.Context, h *house, sys *system) (err error) {
	dir, o := filepath.Join(s.Data, "packs"), disk.Options{Log: sys.Log}
	h.Packs, err = disk.Open(dir, o)
	if fault.Of(err) == fault.Conflict {
		if !s.shared {
			return fmt.Errorf("data folder %s: %w (this command needs the folder for itself: stop the server first)", s.Data, err)
		}
		h.beside = true
		h.Packs, err = disk.OpenBeside(dir, o)
	}
	if err != nil {
		return fmt.Errorf("data folder %s: %w", s.Data, err)
	}
	h.close = append(h.close, h.Packs.Close)
	h.Blobs = h.Packs
	if s.Blobs != "" {
		far, err := s.openStore(ctx, s.Blobs, s.BlobsKey, s.BlobsSecret, sys.Log)
		if err != nil {
			return err
		}
		h.close = append(h.close, far.Close)
		h.Tier = &s3.Tier{Local: h.Packs, Far: far, Through: s.several()}
		h.Blobs = h.Tier
	}
	switch {
	case s.Second == "":
	case strings.HasPrefix(s.Second, "s3:"):
		if h.Second, err = s.openStore(ctx, s.Second, s.SecondKey, s.SecondSec, sys.Log); err != nil {
			return fmt.Errorf("second place: %w", err)
		}
	default:
		if h.Second, err = s.openFolder(h.beside, sys.Log); err != nil {
			return fmt.Errorf("second place: %w", err)
		}
	}
	if h.Second != nil {
		h.close = append(h.close, h.Second.Close)
	}
	return nil
}

// openFolder opens the second place that is a folder. One that is not there is not
// made: a disk that is not mounted must not be taken for an empty one.
func (s settings) openFolder(beside bool, log *slog.Logger) (blob.Packs, error) {
	if _, err := os.Stat(s.Second); err != nil {
		return nil, fault.Errorf(fault.NotFound, "folder %s: %w: make it, or mount its disk", s.Second, trimPath(err, s.Second))
	}
	if beside {
		return disk.OpenBeside(s.Second, disk.Options{Log: log})
	}
	return disk.Open(s.Second, disk.Options{Log: log})
}

// openStore opens an object store. Whoever configured it meant it, so it may be
// private.
func (s settings) openStore(ctx context.Context, place, key, secret string, log *slog.Logger) (*s3.Store, error) {
	p, o, err := s.storeAt(place, key, secret, "blobs", log)
	if err != nil {
		return nil, err
	}
	return s3.Open(ctx, p, o)
}

// storeAt reads where an object store is, and says how it is called. name is that of its
// settings.
func (s settings) storeAt(place, key, secret, name string, log *slog.Logger) (p s3.Place, o s3.Options, err error) {
	if p, err = s3.ParsePlace(place); err != nil {
		return p, o, wrong("%w", err)
	}
	if key == "" || secret == "" {
		return p, o, wrong("%s: give key and secret by environment or file, such as %s and %s", p.Bucket, envName(name+"-key"), envName(name+"-secret"))
	}
	client, err := outgoing.New(s.reachable(outgoing.Options{Allow: slices.Concat(s.Reach, []string{p.Host()}), Timeout: 2 * time.Minute, Log: log}))
	if err != nil {
		return p, o, err
	}
	return p, s3.Options{Key: key, Secret: secret, Transport: client.HTTP().Transport, Temp: s.Data, Log: log}, nil
}

// admit returns what refuses new objects while there is too little room for them.
func (s settings) admit(h *house) func() error {
	return func() error {
		if left, low := s.room(h); low {
			return fault.Errorf(fault.Exhausted, "read only for now: %s left", bytesText(left))
		}
		return nil
	}
}

// room returns how many bytes may still come, and whether that is too few to take any.
func (s settings) room(h *house) (left int64, low bool) {
	free, total, err := diskSpace(s.Data)
	if err != nil {
		return 0, false // whoever writes will see
	}
	floor := min(s.Floor<<20, total/100)
	left, low = free-floor, s.Floor > 0 && free < floor
	if quota := s.Quota << 30; quota > 0 && !s.several() {
		if rest := quota - h.Packs.Used(); rest < left {
			left = rest
		}
		low = low || h.Packs.Used() >= quota
	}
	return max(0, left), low
}

// tidyPacks moves and merges packs: what the job does every quarter of an hour.
func (h *house) tidyPacks(ctx context.Context, s settings) error {
	var failed error
	if h.Tier != nil || h.Second != nil {
		h.Packs.SealOld(h.Now(), s.SealAfter)
	}
	if h.Tier != nil {
		_, failed = h.Tier.Move(ctx, s.BlobsCache<<30)
	}
	_, _, reduced := h.Archive.Reduce(ctx)
	_, err := h.Archive.Repack(ctx)
	return errors.Join(failed, reduced, err)
}
