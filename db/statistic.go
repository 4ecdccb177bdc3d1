package db

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
)

// What SQLite is told of the tables of a capability whose names begin with its own.
//
// Without statistics SQLite takes any index whose first column is asked for to find ten
// rows, and one whose second is asked for too to find nine. Here the first column is
// nearly always site_id, of which there is one, so that it walks whole tables: because
// another index has the order that is asked for, or because an "or" seems dear. ANALYZE
// would tell it that site_id finds everything; then it reads whole tables and sorts them
// for the first page of a list. So it is told neither what is there nor nothing, but what
// serves: a site is some rows, what names one thing is few, what divides things into
// kinds or days hardly fewer than its site.
const (
	rowsOfTable = 1_000_000
	rowsOfSite  = 200
	rowsOfThing = 5
)

// dividing are columns that divide rows into few, or by time.
var dividing = map[string]bool{
	"state": true, "kind": true, "match": true, "modality": true, "rule": true, "source": true, "class": true, "wish": true, "door": true,
	"channel_id": true, "receiver_id": true, "machine_id": true, "role": true, "quantity": true, "exam_code": true, "at": true, "day": true,
}

func divides(column string) bool {
	if dividing[column] {
		return true
	}
	for _, end := range []string{"_at", "_ms", "_day", "_date", "_on"} {
		if strings.HasSuffix(column, end) {
			return true
		}
	}
	return false
}

// statistic returns the row of sqlite_stat1 for an index: how many rows it has, and how
// many of them are alike in its first column, its first two, and so on.
func statistic(columns []string, unique bool) string {
	out := []string{fmt.Sprint(rowsOfTable)}
	alike := rowsOfTable
	for i, c := range columns {
		switch {
		case unique && i == len(columns)-1:
			alike = 1
		case divides(c):
			alike = max(1, min(alike, rowsOfSite)-1)
		case i == 0 && len(columns) > 1: // site_id, or what stands for it
			alike = rowsOfSite
		default:
			alike = min(alike, rowsOfThing)
		}
		out = append(out, fmt.Sprint(alike))
	}
	return strings.Join(append(out, "noskipscan"), " ")
}

// advise writes the statistics of the tables of a capability, if an index has none yet.
// Other capabilities' tables, and those whose names begin otherwise, stay without.
func advise(ctx context.Context, pool *sql.DB, name string) error {
	const mine = `from sqlite_schema m, pragma_index_list(m.name) i where m.type = 'table' and substr(m.name, 1, length($1) + 1) = $1 || '_'`
	var table, missing int
	err := pool.QueryRowContext(ctx, `select count(*) from sqlite_schema where name = 'sqlite_stat1'`).Scan(&table)
	if err == nil && table == 0 { // makes it, and does nothing else
		_, err = pool.ExecContext(ctx, `analyze sqlite_schema`)
	}
	if err == nil {
		err = pool.QueryRowContext(ctx, `select count(*) `+mine+` and i.name not in (select idx from sqlite_stat1 where idx is not null)`, name).Scan(&missing)
	}
	if err != nil || missing == 0 {
		return classify(err)
	}
	tx, err := pool.BeginTx(ctx, nil)
	if err != nil {
		return classify(err)
	}
	defer func() { _ = tx.Rollback() }()
	all, err := indexes(ctx, tx, `select m.name, i.name, i."unique",
		(select group_concat(coalesce(c.name, ''), ' ') from (select name from pragma_index_info(i.name) order by seqno) c) `+mine+` order by 1, 2`, name)
	if err != nil {
		return err
	}
	for _, x := range all {
		if _, err := tx.ExecContext(ctx, `delete from sqlite_stat1 where idx = $1`, x.name); err != nil {
			return classify(err)
		}
		if _, err := tx.ExecContext(ctx, `insert into sqlite_stat1 (tbl, idx, stat) values ($1, $2, $3)`,
			x.table, x.name, statistic(strings.Fields(x.columns), x.unique)); err != nil {
			return classify(err)
		}
	}
	// Connections read them when they see that a table came or went.
	for _, s := range []string{`create table advised (x)`, `drop table advised`} {
		if _, err := tx.ExecContext(ctx, s); err != nil {
			return classify(err)
		}
	}
	return classify(tx.Commit())
}

// An index is one of a table.
type index struct {
	table, name, columns string // columns between spaces
	unique               bool
}

func indexes(ctx context.Context, tx *sql.Tx, query string, args ...any) (all []index, err error) {
	rows, err := tx.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, classify(err)
	}
	defer rows.Close()
	for rows.Next() {
		var x index
		if err := rows.Scan(&x.table, &x.name, &x.unique, &x.columns); err != nil {
			return nil, classify(err)
		}
		all = append(all, x)
	}
	return all, classify(rows.Err())
}
