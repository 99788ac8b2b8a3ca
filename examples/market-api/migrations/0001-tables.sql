-- The tables of the market application, each with its primary key and nothing else that must be kept up on every write. Indexes follow
-- one by one, built while the application runs. Money and prices are numeric: binary floating point cannot hold 0.1.

CREATE TABLE organizations (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name text NOT NULL,
  is_active boolean NOT NULL DEFAULT true,
  settings jsonb NOT NULL DEFAULT '{}'
);

CREATE TABLE users (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  organization_id bigint NOT NULL REFERENCES organizations,
  email text NOT NULL,
  is_active boolean NOT NULL DEFAULT true,
  preferences jsonb NOT NULL DEFAULT '{}'
);

CREATE TABLE sessions (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  user_id bigint NOT NULL REFERENCES users,
  expires_at timestamptz NOT NULL
);

CREATE TABLE auth_tokens (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  user_id bigint NOT NULL REFERENCES users,
  expires_at timestamptz NOT NULL,
  is_revoked boolean NOT NULL DEFAULT false
);

CREATE TABLE instruments (
  symbol text COLLATE "C" PRIMARY KEY,
  name text NOT NULL,
  sector text NOT NULL,
  description text,
  market_cap numeric
);

-- Bars of one minute. A bar outlives its instrument's listing, so that there is no foreign key.
CREATE TABLE market_data (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  symbol text COLLATE "C" NOT NULL,
  observed_at timestamptz NOT NULL,
  open_price numeric NOT NULL,
  high_price numeric NOT NULL,
  low_price numeric NOT NULL,
  close_price numeric NOT NULL,
  volume bigint NOT NULL
);

-- What a user holds now.
CREATE TABLE portfolio_holdings (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  user_id bigint NOT NULL REFERENCES users,
  symbol text COLLATE "C" NOT NULL,
  quantity numeric NOT NULL,
  market_value numeric NOT NULL
);

-- What a user held at the end of a day.
CREATE TABLE portfolio_positions (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  user_id bigint NOT NULL REFERENCES users,
  symbol text COLLATE "C" NOT NULL,
  position_date date NOT NULL,
  quantity numeric NOT NULL
);

CREATE TABLE portfolio_performance (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  user_id bigint NOT NULL REFERENCES users,
  performance_date date NOT NULL,
  value numeric NOT NULL,
  previous_value numeric NOT NULL
);

CREATE TABLE transactions (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  organization_id bigint NOT NULL REFERENCES organizations,
  user_id bigint NOT NULL REFERENCES users,
  symbol text COLLATE "C" NOT NULL,
  status text NOT NULL CHECK (status IN ('pending', 'completed', 'failed')),
  amount numeric NOT NULL,
  description text,
  executed_at timestamptz NOT NULL
);

CREATE TABLE orders (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  user_id bigint NOT NULL REFERENCES users,
  symbol text COLLATE "C" NOT NULL,
  status text NOT NULL CHECK (status IN ('active', 'filled', 'cancelled')),
  quantity numeric NOT NULL,
  limit_price numeric,
  placed_at timestamptz NOT NULL
);

CREATE TABLE strategies (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  symbol text COLLATE "C" NOT NULL,
  strategy_type text NOT NULL,
  parameters jsonb NOT NULL DEFAULT '{}',
  created_at timestamptz NOT NULL
);

CREATE TABLE strategy_performance (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  strategy_id bigint NOT NULL REFERENCES strategies,
  strategy_type text NOT NULL,
  performance_date date NOT NULL,
  return_percent numeric NOT NULL
);
