package main

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"radagora/db"
)

// conditions collects how the installation stands, for those who watch over many.
type conditions struct{ *observer }

// What conditions collects. None has a label with personal data.
var (
	descDisk      = prometheus.NewDesc("radagora_disk_bytes", "Room on the disk of the data folder: free, total.", []string{"room"}, nil)
	descDatabase  = prometheus.NewDesc("radagora_database_bytes", "Room the database takes: tables, and log where it is a file.", []string{"part"}, nil)
	descUnsealed  = prometheus.NewDesc("radagora_journal_unsealed", "Entries of the journal that wait for a seal.", nil, nil)
	descStuck     = prometheus.NewDesc("radagora_journal_stuck", "1 for a consumer of the journal that fails again and again.", []string{"consumer"}, nil)
	descJobs      = prometheus.NewDesc("radagora_jobs", "Jobs by kind and state; done and dead within the time they are kept.", []string{"kind", "state"}, nil)
	descEnds      = prometheus.NewDesc("radagora_certificate_end_seconds", "When our certificate ends, in seconds since 1970.", nil, nil)
	descBackup    = prometheus.NewDesc("radagora_backup_age_seconds", "Age of the last good backup; absent if there is none.", nil, nil)
	descBackupBad = prometheus.NewDesc("radagora_backup_late", "1 if the last good backup is too old or missing.", nil, nil)
	descPeer      = prometheus.NewDesc("radagora_peer_last_seconds", "When a peer was heard last, in seconds since 1970.", []string{"peer"}, nil)
	descKept      = prometheus.NewDesc("radagora_clock_synchronised", "1 if another clock keeps this one; absent if that is not known.", nil, nil)
	descJump      = prometheus.NewDesc("radagora_clock_jump_seconds", "The last jump of the clock; 0 if there was none.", nil, nil)
	descWebhook   = prometheus.NewDesc("radagora_webhook_failing", "1 for a webhook whose last call failed.", []string{"host"}, nil)
)

// Describe implements prometheus.Collector.
func (conditions) Describe(c chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		descDisk, descDatabase, descUnsealed, descStuck, descJobs, descEnds, descBackup, descBackupBad, descPeer, descKept, descJump, descWebhook,
	} {
		c <- d
	}
}

// Collect implements prometheus.Collector. What cannot be had is left out.
func (o conditions) Collect(c chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		c <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	o.collectStorage(ctx, gauge)
	o.collectWork(ctx, gauge)
	o.collectDoors(ctx, gauge)
	if yes, known := synchronised(); known {
		gauge(descKept, truth(yes))
	}
	if o.clock != nil {
		jump, _ := o.clock.last()
		gauge(descJump, jump.Seconds())
	}
}

// A gauge takes one value.
type gauge func(d *prometheus.Desc, v float64, labels ...string)

// collectStorage collects disk, database and backup.
func (o conditions) collectStorage(ctx context.Context, gauge gauge) {
	if free, total, err := diskSpace(o.settings.Data); err == nil {
		gauge(descDisk, float64(free), "free")
		gauge(descDisk, float64(total), "total")
	}
	if size, err := o.db.Size(ctx); err == nil {
		gauge(descDatabase, float64(size.Bytes), "tables")
		if o.db.Engine() == db.SQLite {
			gauge(descDatabase, float64(size.Log), "log")
		}
	}
	if o.backup == nil {
		return
	}
	if s, err := o.backup.State(ctx, o.settings.BackupEvery); err == nil {
		gauge(descBackupBad, truth(s.Late))
		if s.Last.ID != "" {
			gauge(descBackup, s.Age.Seconds())
		}
	}
}

// collectWork collects journal and jobs.
func (o conditions) collectWork(ctx context.Context, gauge gauge) {
	if n, _, err := o.unsealed(ctx); err == nil {
		gauge(descUnsealed, float64(n))
	}
	if all, err := o.journal.Consumers(ctx); err == nil {
		for _, x := range all {
			gauge(descStuck, truth(x.Stuck), x.Name)
		}
	}
	if all, err := o.jobs.State(ctx); err == nil {
		for _, x := range all {
			for state, n := range map[string]int{"waiting": x.Waiting, "running": x.Running, "done": x.Done, "dead": x.Dead} {
				gauge(descJobs, float64(n), x.Kind, state)
			}
		}
	}
}

// collectDoors collects certificate, peers and webhooks.
func (o conditions) collectDoors(ctx context.Context, gauge gauge) {
	if o.settings.TLSCert != "" {
		if certs, err := readCertificates(o.settings.TLSCert); err == nil && len(certs) > 0 {
			gauge(descEnds, float64(certs[0].NotAfter.Unix()))
		}
	}
	if peers, err := o.sites.Peers(ctx, at); err == nil {
		for _, p := range peers {
			if !p.Last.IsZero() {
				gauge(descPeer, float64(p.Last.Unix()), p.AETitle)
			}
		}
	}
	if hooks, err := o.notices.Webhooks(ctx); err == nil {
		failing := map[string]bool{}
		for _, h := range hooks {
			failing[h.Host] = failing[h.Host] || !h.Failing.IsZero()
		}
		for host, bad := range failing {
			gauge(descWebhook, truth(bad), host)
		}
	}
}

// truth is 1 for true.
func truth(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}
