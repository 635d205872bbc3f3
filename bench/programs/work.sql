create table t(a integer primary key, b text, c real);
with recursive n(i) as (select 1 union all select i + 1 from n where i < 20000) insert into t select i, 'row ' || i, i * 1.5 from n;
create index tb on t(b);
select count(*), sum(c) from t where b like 'row 1%';
select count(*) from t x join t y on x.a = y.a + 1 where x.c > 100;
drop table t;
