package main

import (
	"context"
	"errors"
	"fmt"
	"net"

	"radagora/demo"
)

type demoCmd struct {
	settings
	Size string `default:"full" enum:"full,small" help:"full has some 20 000 examinations, small some 600."`
}

func (demoCmd) Help() string {
	return `Loads a made-up department's year into the data folder: each room's dose reports come through a real DICOM
door, on this machine alone. What is planted in it for people to find is described in docs/format/demo.md.
Interrupted, it goes on where it was. Needs the data folder for itself; while "radagora serve" runs, use its page.

Example:

    radagora demo --data ./data --size small`
}

// Run loads and waits until everything is derived.
func (c demoCmd) Run(ctx context.Context, sys *system) (err error) {
	h, err := c.open(ctx, sys)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.Close()) }()
	door, err := listen(ctx, "127.0.0.1:0")
	if err != nil {
		return err
	}
	load := &demoLoad{house: h, called: c.AE, addr: door.Addr().String()}
	if err := h.meanwhile(ctx, func(ctx context.Context) error { return c.load(ctx, h, door, load) }); err != nil {
		return err
	}
	_, err = fmt.Fprintf(sys.Out, "%d reports and images of a made-up year are loaded\n", load.done.Load())
	return err
}

// load opens the door, loads the year through it and waits until all of it is
// derived.
func (c demoCmd) load(ctx context.Context, h *house, door net.Listener, load *demoLoad) error {
	open, shut := context.WithCancel(ctx)
	defer shut()
	ended := make(chan error, 1)
	go func() {
		ended <- h.dicomServer(c.settings, newDoorman(h, true, nil), &watch{}, newMetrics(h), nil).Serve(open, door)
	}()
	err := load.load(ctx, demo.Size(c.Size))
	if err == nil {
		err = h.settle(ctx)
	}
	if err == nil {
		err = h.judge(ctx)
	}
	shut()
	return errors.Join(err, <-ended)
}
