package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"sync"
	"sync/atomic"
	"text/tabwriter"
	"time"

	"radagora/hl7/mllp"
)

// lineReady is what `radagora serve --mllp` prints when its doors are open.
var lineReady = regexp.MustCompile(`(?m)^ready: .* HL7 (\S+)`)

// senders are how many systems send at once, each on a connection of its own that
// waits for every acknowledgement.
var senders = []int{1, 8, 32}

// messages measures how many messages a second are stored and acknowledged, beside how
// often a second the same disk makes 4 KiB durable in the same minute.
func messages(ctx context.Context, o options, work string, w io.Writer) error {
	fmt.Fprint(w, "\n## Messages stored and acknowledged\n\n")
	span := 3 * time.Second
	if o.quick {
		span = time.Second
	}
	disk, rates := []float64{}, make([][]float64, len(senders))
	for range o.rounds {
		dir, err := os.MkdirTemp(work, "messages-")
		if err != nil {
			return err
		}
		for i, n := range senders {
			settle()
			syncs, err := diskRate(filepath.Join(dir, "probe"), span)
			if err != nil {
				return err
			}
			disk = append(disk, syncs)
			rate, err := sendFor(ctx, filepath.Join(work, "radagora"), filepath.Join(dir, fmt.Sprint(n)), n, span)
			if err != nil {
				return fmt.Errorf("%d senders: %w", n, err)
			}
			rates[i] = append(rates[i], rate)
		}
	}
	same := func(x float64) float64 { return x }
	syncs := spread(disk, same)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(t, "%s\ta second\tleast–most\tof one sync each\t\n", "what")
	fmt.Fprintf(t, "fdatasync of 4 KiB, one after the other\t%.0f\t%.0f–%.0f\t1\t\n", syncs.median, syncs.least, syncs.most)
	for i, n := range senders {
		r := spread(rates[i], same)
		fmt.Fprintf(t, "%d senders\t%.0f\t%.0f–%.0f\t%.2f\t\n", n, r.median, r.least, r.most, r.median/syncs.median)
	}
	return t.Flush()
}

// diskRate returns how often a second a disk makes a written block durable.
func diskRate(name string, span time.Duration) (float64, error) {
	f, err := os.Create(name)
	if err != nil {
		return 0, err
	}
	block, n, begin := make([]byte, 4096), 0, time.Now()
	for time.Since(begin) < span && err == nil {
		if _, err = f.WriteAt(block, int64(n)*int64(len(block))); err == nil {
			err = syncData(f)
		}
		n++
	}
	took := time.Since(begin)
	return float64(n) / took.Seconds(), errors.Join(err, f.Close(), os.Remove(name))
}

// sendFor starts the program with all it keeps in an empty folder, has n systems send
// to it, and returns how many messages a second were acknowledged as kept.
func sendFor(ctx context.Context, program, dir string, n int, span time.Duration) (rate float64, err error) {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return 0, err
	}
	s, err := launch(ctx, dir, "", program, "serve", "--data", filepath.Join(dir, "data"),
		"--http", "127.0.0.1:0", "--dicom", "127.0.0.1:0", "--mllp", "127.0.0.1:0", "--no-auth")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, s.end(), os.RemoveAll(dir)) }()
	addr := ""
	if err := s.ready(ctx, func() bool {
		log, err := os.ReadFile(filepath.Join(dir, "log"))
		if m := lineReady.FindSubmatch(log); err == nil && m != nil {
			addr = string(m[1])
		}
		return addr != ""
	}); err != nil {
		return 0, err
	}
	var wg sync.WaitGroup
	var acked atomic.Int64
	errs := make([]error, n)
	begin := time.Now()
	for i := range n {
		wg.Go(func() { errs[i] = sendAlone(addr, i, begin.Add(span), &acked) })
	}
	wg.Wait()
	return float64(acked.Load()) / time.Since(begin).Seconds(), errors.Join(errs...)
}

// sendAlone sends one message after the other until a time, from an address of its own:
// the program bounds how fast one address may send.
func sendAlone(addr string, i int, until time.Time, acked *atomic.Int64) error {
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 1, byte(1+i))}}
	c, err := d.Dial("tcp", addr)
	if err != nil {
		return err
	}
	defer c.Close()
	answer := make([]byte, 4096)
	for k := 0; time.Now().Before(until); k++ {
		m := fmt.Sprintf("MSH|^~\\&|BENCH|H|RADAGORA|H|20261122120000||ADT^A08|B%d-%d|P|2.5.1\rEVN|A08|20261122120000\r"+
			"PID|1||%d^^^BENCH^PI||Family%d^Given||19800203|F\rPV1|1|O|W1^12\r", i, k, i*1000+k%1000, k)
		if _, err := c.Write(mllp.Frame([]byte(m))); err != nil {
			return err
		}
		got := 0
		for !bytes.HasSuffix(answer[:got], []byte{0x1C, '\r'}) {
			n, err := c.Read(answer[got:])
			if got += n; err != nil {
				return err
			}
		}
		if !bytes.Contains(answer[:got], []byte("MSA|AA")) {
			return fmt.Errorf("refused: %q", answer[:got])
		}
		acked.Add(1)
	}
	return nil
}
