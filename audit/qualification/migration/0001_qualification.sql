-- +goose Up

-- Human: no rebuild touches these tables.

-- Qualifications and appointments of people who work here, as they stand.
create table qualification (
    qualification_id text primary key,
    site_id    text not null,
    person     text not null, -- staff|login or staff|name, by which rights of the person are met
    account    text not null, -- '' for somebody without one
    name       text not null, -- as the site calls the person
    kind       text not null,
    detail     text not null, -- which one, by whom
    from_day   text not null, -- 2006-01-02
    until_day  text not null, -- the last day on which it is valid, '' without an end
    ended      boolean not null,
    restricted boolean not null, -- the person asked that it be stored and no more
    changed_by text not null,
    changed_at bigint not null
);
create index qualification_person on qualification (site_id, person);

-- Trainings of the team: a day and counts, nobody's name.
create table qualification_training (
    training_id text primary key,
    site_id   text not null,
    day       text not null, -- 2006-01-02
    subject   text not null,
    attended  bigint not null,
    invited   bigint not null,
    done_by   text not null,
    done_at   bigint not null
);
create index qualification_training_day on qualification_training (site_id, day);

-- +goose Down
drop table qualification_training;
drop table qualification;
