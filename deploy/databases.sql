-- A database for each that keeps tables: PostgreSQL runs this once, when its folder is empty.
CREATE DATABASE ledger;
CREATE DATABASE mlflow;
CREATE DATABASE optuna;
CREATE DATABASE prefect;
