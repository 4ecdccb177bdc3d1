package main

import (
	"context"
	"fmt"
	"time"

	"radagora/archive"
	"radagora/job"
	"radagora/lang"
	"radagora/notice"
)

// The work of storage.
const (
	tidyEvery  = 15 * time.Minute
	scrubEvery = 10 * time.Minute
	scrubRun   = 8 * time.Minute // so long the scrub reads each time at most
)

// scheduleStorage has packs sealed, moved, copied, repacked and read, and makes the
// disk of this process empty where others share the store.
func (h *house) scheduleStorage(s settings) {
	h.Jobs.Every("storage-tidy", job.Interval(tidyEvery), func(ctx context.Context) error { return h.tidyPacks(ctx, s) }, job.Limit(12*time.Hour))
	h.Jobs.Every("storage-copy", job.Interval(tidyEvery), func(ctx context.Context) error {
		_, err := h.Archive.CopySecond(ctx)
		return err
	}, job.Limit(12*time.Hour))
	if s.ScrubRate > 0 {
		h.Jobs.Every("storage-scrub", job.Interval(scrubEvery), func(ctx context.Context) error {
			_, err := h.Archive.Scrub(ctx, s.scrub())
			return err
		}, job.Limit(time.Hour))
	}
}

// storageNow has done at once what somebody asks for on the page.
func (h *house) storageNow(s settings) {
	h.Jobs.Handle("storage.scrub.now", func(ctx context.Context, _ job.Job) error {
		o := s.scrub()
		o.Every, o.Budget = 0, 0 // all of it
		_, err := h.Archive.Scrub(ctx, o)
		return err
	}, job.Limit(24*time.Hour))
	h.Jobs.Handle("storage.tidy.now", func(ctx context.Context, _ job.Job) error {
		if h.Tier != nil || h.Second != nil {
			h.Packs.SealOld(h.Now().Add(time.Second), 0)
		}
		if err := h.tidyPacks(ctx, s); err != nil {
			return err
		}
		_, err := h.Archive.CopySecond(ctx)
		return err
	}, job.Limit(12*time.Hour))
}

// scrub returns how the scrub goes about it.
func (s settings) scrub() archive.ScrubOptions {
	rate := s.ScrubRate << 20
	return archive.ScrubOptions{Rate: rate, Every: time.Duration(s.ScrubDays) * 24 * time.Hour, Budget: rate * int64(scrubRun/time.Second)}
}

// storageState looks at room, scrub and second place.
func (h *house) storageState(s settings) func(context.Context) ([]condition, error) {
	return func(ctx context.Context) ([]condition, error) {
		state, err := h.Archive.ScrubState(ctx)
		if err != nil {
			return nil, err
		}
		left, low := s.room(h)
		room := condition{
			Name: msg("status.room", nil), Value: msg("status.room_value", lang.Args{"left": bytesText(left)}), Reference: msg("status.room_reference", nil),
			State: stateGood, Key: "storage room " + h.Observer.host, Tell: h.Observer.tell("status.storage.full"),
		}
		if low {
			room.State, room.Value, room.Tell.Severity = stateTrouble, msg("status.room_low", nil), notice.Urgent
		}
		whole := condition{
			Name: msg("status.scrub", nil), Value: msg("status.scrub_value", lang.Args{"n": int(state.Damaged)}), Reference: msg("status.none_damaged", nil),
			State: stateGood, Key: "storage damaged", Tell: h.Observer.tell("status.storage.damaged", "n", fmt.Sprint(min(state.Damaged, 999999))),
		}
		if state.Damaged > 0 {
			whole.State, whole.Tell.Severity = stateTrouble, notice.Urgent
		}
		all := []condition{room, whole}
		if h.Second == nil {
			return all, nil
		}
		second := condition{
			Name: msg("status.second", nil), Value: msg("status.second_value", lang.Args{"size": bytesText(state.Uncopied), "n": int(state.LatePacks)}),
			Reference: msg("status.second_reference", lang.Args{"hours": int(s.SecondLate.Hours())}), State: stateGood,
			Key: "storage second", Tell: h.Observer.tell("status.storage.late", "n", fmt.Sprint(min(state.LatePacks, 999999))),
		}
		if state.LatePacks > 0 && h.Now().Sub(state.Late) > s.SecondLate {
			second.State = stateWarn
		}
		return append(all, second), nil
	}
}

// drain empties the disk of this process once, where new objects go to a shared store.
func (h *house) drain(ctx context.Context) {
	if h.Tier == nil || !h.Tier.Through {
		return
	}
	h.Packs.SealOld(h.Now().Add(time.Second), 0)
	did, err := h.Tier.Move(ctx, 0)
	if did.Packs > 0 {
		h.Log.InfoContext(ctx, "packs moved to the object store", "packs", did.Packs, "bytes", did.Bytes)
	}
	if err != nil && ctx.Err() == nil {
		h.Log.ErrorContext(ctx, "packs are still on this disk, where other processes do not see them", "error", err)
	}
}
