-- +goose Up

-- Human: no rebuild touches what follows.

-- A set of reference levels that people of the site entered.
create table dose_level_set (
    site_id    text not null,
    set_id     text not null, -- dose/level/NAME, as of a set of content
    kind       text not null, -- notice, local, typical
    title      text not null,
    authority  text not null,
    country    text not null,
    year       text not null, -- '' if unknown, as all that follows
    edition    text not null,
    source     text not null, -- title of the notice
    page       text not null, -- of the source, for rows that name none
    url        text not null,
    statistic  text not null,
    adopted    text not null, -- day or year
    published  text not null,
    valid_from text not null,
    valid_to   text not null,
    review_due text not null,
    official   boolean not null,
    note       text not null,
    replaces   text not null, -- set of which this is a new edition
    state      text not null, -- draft, usable, superseded, withdrawn
    digest     text not null, -- of what was found usable
    typed_by   text not null,
    typed_at   bigint not null,
    checked_by text not null, -- a second person
    checked_at bigint not null, -- 0 while nobody did
    ended_by   text not null,
    ended_at   bigint not null,
    ended_day  text not null, -- first day on which a superseded set is history
    reason     text not null,
    primary key (site_id, set_id)
);

create table dose_level_row (
    site_id    text not null,
    set_id     text not null,
    row_id     text not null, -- in the order of typing
    cells      text not null, -- JSON: column of the table of levels to text
    typed_by   text not null,
    typed_at   bigint not null,
    verdict    text not null, -- same, differs, '' while nobody compared
    checked_by text not null,
    checked_at bigint not null,
    remark     text not null,
    primary key (site_id, set_id, row_id)
);

-- +goose Down
drop table dose_level_row;
drop table dose_level_set;
