package main

import (
	"context"
	"errors"
	"io"
	"net"
	"strconv"
	"strings"
	"time"

	"radagora/access"
	"radagora/dicom/dimse"
	"radagora/dicom/uid"
	"radagora/fault"
	"radagora/lang"
	"radagora/web"
)

// A startView guides through an empty installation.
type startView struct{ *view }

// Changed implements web.Start.
func (v startView) Changed(ctx context.Context) <-chan struct{} { return v.seen.listen(ctx) }

// Demo implements web.Start.
func (v startView) Demo(ctx context.Context, _ web.Person) error {
	if err := may(ctx, access.DemoLoad); err != nil {
		return err
	}
	return v.demo.start(v.life)
}

// Cancel implements web.Start.
func (v startView) Cancel(ctx context.Context, _ web.Person) error {
	if err := may(ctx, access.DemoLoad); err != nil {
		return err
	}
	v.demo.cancel()
	return nil
}

// Upload implements web.Start.
func (v startView) Upload(ctx context.Context, who web.Person, name string, r io.Reader) (web.Uploaded, error) {
	if err := may(ctx, access.ObjectImport); err != nil {
		return web.Uploaded{}, err
	}
	in := &importer{house: v.house, actor: who.ID, door: "upload"}
	var up web.Uploaded
	in.report = func(name string, outcome outcome, err error) {
		switch {
		case err != nil:
			why := msg("start.refused", lang.Args{"why": err.Error()})
			if k := fault.Of(err); k == fault.Internal || k == fault.Unavailable {
				why = msg("start.failed", nil)
			}
			up.Refused = append(up.Refused, web.RefusedFile{Name: name, Why: why})
		case outcome == fileKnown:
			up.Known++
		default:
			up.Accepted++
		}
	}
	if err := in.stream(ctx, name, r); err != nil && !errors.Is(err, errSomeRefused) {
		return up, err
	}
	return up, nil
}

// Start implements web.Start.
func (v startView) Start(ctx context.Context, language string) (web.StartPage, error) {
	page := web.StartPage{AETitle: v.settings.AE, Listening: true, Demo: v.demo.work()}
	host, port, err := net.SplitHostPort(v.dicom.String())
	if err == nil {
		page.Port, _ = strconv.Atoi(port) // a port of a listener is a number
	}
	page.Hosts = hosts(host)
	here, err := v.Sites.Site(ctx, at)
	if err != nil {
		return page, err
	}
	page.Country = here.Country
	echo, recent := v.seen.seen()
	if echo != nil {
		s := v.noticed(*echo)
		page.Echo = &s
	}
	for _, o := range recent {
		page.Recent = append(page.Recent, v.noticed(o))
	}
	first, ok, err := v.Dose.FirstReport(ctx, at)
	if err != nil {
		return page, err
	}
	if ok {
		page.Report = &web.Seen{At: time.UnixMilli(first.ReceivedAt), What: msg("start.first_report", nil), Path: "/images/objects/" + first.SOPInstance}
		// A report that came means that a scanner or a person has found the way.
		page.DemoDone = v.synthetic(ctx)
	}
	governing, err := v.Dose.Governing(ctx, at)
	if err != nil {
		return page, err
	}
	for _, g := range governing {
		if s, ok := v.Content.Set(at, g.Set); ok {
			page.Levels += s.Rows()
		}
	}
	names, err := v.names(ctx)
	if err != nil {
		return page, err
	}
	for _, n := range names {
		if n.Unmapped > 0 {
			page.Unmapped++
		}
	}
	_ = language // nothing here is content
	return page, nil
}

// noticed makes a line of something that came through the DICOM door.
func (v startView) noticed(o dimse.Observation) web.Seen {
	s := web.Seen{At: o.At, From: o.Peer.CallingAE, Peer: hostOf(o.Peer.Address), Failed: o.Err != nil}
	switch o.Occasion {
	case dimse.Echoed:
		s.What = msg("start.seen_echo", nil)
	case dimse.Stored:
		s.What = msg("start.seen_object", lang.Args{"class": uid.Name(o.SOPClass)})
		if o.Err == nil {
			s.Path = "/images/objects/" + o.SOPInstance.String()
		}
	case dimse.Rejected:
		s.What, s.Failed = msg("start.seen_rejected", nil), true
	default:
		s.What, s.Failed = msg("start.seen_aborted", nil), true
	}
	return s
}

// hostOf returns the host of an address.
func hostOf(addr string) string {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return addr
	}
	return host
}

// hosts returns the addresses under which a listener can be reached: the one it
// is bound to, or those of this machine.
func hosts(bound string) []string {
	ip := net.ParseIP(strings.Trim(bound, "[]"))
	if ip != nil && !ip.IsUnspecified() {
		return []string{ip.String()}
	}
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return nil
	}
	var all []string
	for _, a := range addrs {
		n, ok := a.(*net.IPNet)
		if ok && n.IP.To4() != nil && !n.IP.IsLoopback() && !n.IP.IsLinkLocalUnicast() {
			all = append(all, n.IP.String())
		}
	}
	if len(all) == 0 {
		all = append(all, "127.0.0.1")
	}
	return all
}
