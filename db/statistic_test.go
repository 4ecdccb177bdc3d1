package db_test

import (
	"strings"
	"testing"
	"testing/fstest"

	"radagora/db"
	"radagora/db/dbtest"
)

// TestStatistics asks SQLite how it would find things in a table of a capability, and
// wants the index that finds few rows, though another has the order that is asked for,
// and one with the order where nothing finds few.
func TestStatistics(t *testing.T) {
	check := func(t *testing.T, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	d := dbtest.Open(t, dbtest.SQLite(t))
	files := fstest.MapFS{"0001_order.sql": {Data: []byte(`-- +goose Up
create table order_row (order_id text not null, site_id text not null, placer text not null, filler text not null, modality text not null,
	start_at bigint not null, primary key (site_id, order_id));
create index order_row_placer on order_row (site_id, placer) where placer <> '';
create index order_row_filler on order_row (site_id, filler) where filler <> '';
create index order_row_start on order_row (site_id, start_at);
create index order_row_modality on order_row (site_id, modality);
-- +goose Down
drop table order_row;
`)}}
	check(t, d.Migrate(t.Context(), "order", files))
	check(t, d.Migrate(t.Context(), "order", files))
	for _, c := range []struct{ query, want string }{
		{`select order_id from order_row where site_id = $1 and placer <> '' and placer = $2 order by order_id`, "order_row_placer (site_id=? AND placer=?)"},
		{`select order_id from order_row where site_id = $1 and (placer <> '' and placer = $2 or filler <> '' and filler = $2)`, "order_row_filler (site_id=? AND filler=?)"},
		{`select order_id from order_row where site_id = $1 and order_id = $2 order by start_at`, "autoindex_order_row_1 (site_id=? AND order_id=?)"},
		{`select order_id from order_row where site_id = $1 and modality = $2 order by start_at limit 50`, "order_row_start (site_id=?)"},
		{`select order_id from order_row where site_id = $1 and start_at > 5 and placer like $2 order by start_at limit 50`, "order_row_start (site_id=? AND start_at>?)"},
	} {
		lines, err := db.List(t.Context(), d, func(r *db.Rows) (s string, err error) {
			var a, b, c any
			return s, r.Scan(&a, &b, &c, &s)
		}, "explain query plan "+c.query, "site", "x")
		check(t, err)
		if plan := strings.Join(lines, "\n"); !strings.Contains(plan, c.want) {
			t.Errorf("%s\n%s\nwant %s", c.query, plan, c.want)
		}
	}
	var n int
	check(t, d.QueryRow(t.Context(), `select count(*) from sqlite_stat1 where tbl = 'order_row'`).Scan(&n))
	if n != 5 {
		t.Errorf("%d rows of statistics; want 5", n)
	}
}
